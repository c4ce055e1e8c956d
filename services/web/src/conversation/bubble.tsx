import type { ChatMessage } from '@confab/client/react';
import { fullTimeOf, timeOf } from '../shell/dates.ts';
import { BlockedIcon } from '../shell/icons.tsx';
import { Attachment } from './attachment.tsx';
import { MessageText } from './message-text.tsx';
import { ReplyPreview } from './reply-preview.tsx';
import { isRightToLeft } from './text-direction.ts';
import { Ticks } from './ticks.tsx';

export function Bubble({ message, onJump }: { message: ChatMessage; onJump: (message: ChatMessage) => void }) {
  const { deleted, text, media, replyTo, own, state } = message;
  return (
    <div
      className={deleted || text === null ? 'bubble' : `bubble bubble-text ${isRightToLeft(text) ? 'bubble-rtl' : ''}`}
      data-state={state}
    >
      {deleted ? (
        <p className="message-text message-deleted">
          <BlockedIcon size={15} /> {own ? 'You deleted this message' : 'This message was deleted'}
        </p>
      ) : (
        <>
          {replyTo && <ReplyPreview messageId={replyTo} onJump={onJump} />}
          {media.map((item, index) => (
            <Attachment key={item.mediaId ?? item.url ?? index} item={item} messageId={message.id} />
          ))}
          {text !== null && <MessageText text={text} room={own ? 'ticks' : 'time'} />}
        </>
      )}
      <span className="message-meta">
        <time dateTime={message.createdAt} title={fullTimeOf(message.createdAt)}>
          {timeOf(message.createdAt)}
        </time>
        {own && !deleted && <Ticks state={state} />}
      </span>
    </div>
  );
}

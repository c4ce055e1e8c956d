import type { ChatMessage } from '@confab/client/react';
import { memo, useState } from 'react';
import { Avatar } from '../shell/avatar.tsx';
import { fullTimeOf } from '../shell/dates.ts';
import { ReplyIcon } from '../shell/icons.tsx';
import { Bubble } from './bubble.tsx';
import { FailedNote } from './failed-note.tsx';
import { MessageMenu } from './message-menu.tsx';

interface MessageRowProps {
  message: ChatMessage;
  startsGroup: boolean;
  endsGroup: boolean;
  position: number;
  setSize: number;
  flashed: boolean;
  isGroup: boolean;
  onReply: (message: ChatMessage) => void;
  onJump: (message: ChatMessage) => void;
}

export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { message, startsGroup, endsGroup, position, setSize, flashed, isGroup, onReply, onJump } = props;
  const { own, sender } = message;
  const [near, setNear] = useState(false);
  const className = [
    'message-row',
    own ? 'own' : 'theirs',
    startsGroup && 'starts-group',
    endsGroup && 'ends-group',
    flashed && 'flashed',
  ];
  return (
    <article
      className={className.filter(Boolean).join(' ')}
      data-key={message.key}
      data-seq={message.seq}
      tabIndex={-1}
      onPointerEnter={(event) => setNear(event.pointerType === 'mouse')}
      onPointerLeave={() => setNear(false)}
      aria-posinset={position}
      aria-setsize={setSize}
      aria-label={`${own ? 'You' : sender.name}, ${fullTimeOf(message.createdAt)}`}
    >
      {isGroup && !own && (
        <span className="message-avatar">
          {endsGroup && <Avatar id={sender._id} name={sender.name} size="small" />}
        </span>
      )}
      <div className="message-body">
        {isGroup && !own && startsGroup && <bdi className="message-sender">{sender.name}</bdi>}
        <Bubble message={message} onJump={onJump} />
        {message.state === 'failed' && <FailedNote message={message} />}
      </div>
      {message.id !== undefined && !message.deleted && (
        <MessageActions message={message} near={near} onReply={onReply} />
      )}
    </article>
  );
});

interface MessageActionsProps {
  message: ChatMessage;
  near: boolean;
  onReply: (message: ChatMessage) => void;
}

/** The menu's button is always there, for everybody who does not point; the quick one only where somebody does. */
function MessageActions({ message, near, onReply }: MessageActionsProps) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  return (
    <div className="message-actions">
      <button
        type="button"
        className="icon-button icon-button-small message-more"
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        aria-label="More about this message"
        onClick={(event) => setAnchor(event.currentTarget)}
      />
      {near && (
        <button
          type="button"
          className="icon-button icon-button-small message-reply"
          onClick={() => onReply(message)}
          aria-label="Reply"
        >
          <ReplyIcon size={18} />
        </button>
      )}
      {anchor && <MessageMenu message={message} anchor={anchor} onReply={onReply} onClose={() => setAnchor(null)} />}
    </div>
  );
}

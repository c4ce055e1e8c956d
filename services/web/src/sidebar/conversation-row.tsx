import { type ChatConversation, type LastMessage, useTyping } from '@confab/client/react';
import { memo } from 'react';
import { Ticks } from '../conversation/ticks.tsx';
import { Avatar, PresenceAvatar } from '../shell/avatar.tsx';
import { shortWhen } from '../shell/dates.ts';

const KINDS = { image: 'Photo', video: 'Video', audio: 'Audio', file: 'File', text: '' } as const;

export const ConversationRow = memo(function ConversationRow(props: {
  conversation: ChatConversation;
  selected: boolean;
}) {
  const { conversation, selected } = props;
  const { id, title, isGroup, others, lastMessage, unreadCount } = conversation;
  const other = others[0];
  return (
    <li>
      <a className="conversation-row" href={`#/c/${id}`} aria-current={selected ? 'page' : undefined}>
        {isGroup || !other ? <Avatar id={id} name={title} /> : <PresenceAvatar id={other._id} name={other.name} />}
        <span className="conversation-texts">
          <span className="conversation-line">
            <bdi className="conversation-title">{title}</bdi>
            {lastMessage && <time dateTime={lastMessage.createdAt}>{shortWhen(lastMessage.createdAt)}</time>}
          </span>
          <span className="conversation-line">
            <Snippet conversation={conversation} />
            {unreadCount > 0 && (
              <span className="badge">
                {unreadCount > 999 ? '999+' : unreadCount}
                <span className="visually-hidden"> unread</span>
              </span>
            )}
          </span>
        </span>
      </a>
    </li>
  );
});

function Snippet({ conversation: { id, lastMessage, isGroup, unreadCount } }: { conversation: ChatConversation }) {
  const { userIds } = useTyping(id);
  if (userIds.length > 0) return <span className="snippet snippet-typing">typing…</span>;
  if (!lastMessage) return <span className="snippet">No messages yet</span>;
  return (
    <span className={`snippet ${unreadCount > 0 ? 'snippet-unread' : ''}`}>
      {lastMessage.own && !lastMessage.deleted && <Ticks state={lastMessage.state} />}
      <bdi>{snippetOf(lastMessage, isGroup)}</bdi>
    </span>
  );
}

function snippetOf({ own, deleted, text, messageType, sender }: LastMessage, isGroup: boolean): string {
  if (deleted) return 'Message deleted';
  const said = text ?? KINDS[messageType];
  return isGroup && !own ? `${sender.name}: ${said}` : said;
}

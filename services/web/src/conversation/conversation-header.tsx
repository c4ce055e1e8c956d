import { type ChatConversation, type Participant, usePresence } from '@confab/client/react';
import { Avatar, PresenceAvatar } from '../shell/avatar.tsx';
import { lastSeenText } from '../shell/dates.ts';
import { BackIcon } from '../shell/icons.tsx';

export function ConversationHeader({ conversation }: { conversation: ChatConversation }) {
  const { id, title, isGroup, others } = conversation;
  const other = others[0];
  const direct = isGroup ? undefined : other;
  return (
    <header className="conversation-header">
      <a className="icon-button back-button" href="#/" aria-label="Back to all conversations">
        <BackIcon />
      </a>
      {direct ? <PresenceAvatar id={direct._id} name={direct.name} /> : <Avatar id={id} name={title} />}
      <div className="conversation-heading">
        <h2>
          <bdi>{title}</bdi>
        </h2>
        {direct ? <PresenceText user={direct} /> : <p className="muted">{others.length + 1} members</p>}
      </div>
    </header>
  );
}

function PresenceText({ user }: { user: Participant }) {
  const { online, lastSeen } = usePresence(user._id);
  return <p className="muted">{online ? 'Online' : lastSeenText(lastSeen)}</p>;
}

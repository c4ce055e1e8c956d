import type { ChatConversation } from '@confab/client/react';
import type { KeyboardEvent } from 'react';
import { ConversationRow } from './conversation-row.tsx';

interface ConversationListProps {
  conversations: readonly ChatConversation[];
  selected: string | undefined;
}

export function ConversationList({ conversations, selected }: ConversationListProps) {
  if (conversations.length === 0) return null;
  return (
    <nav className="conversation-nav" aria-label="Your conversations" onKeyDown={moveFocus}>
      <ul className="conversation-list">
        {conversations.map((conversation) => (
          <ConversationRow key={conversation.id} conversation={conversation} selected={conversation.id === selected} />
        ))}
      </ul>
    </nav>
  );
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('.conversation-row')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at + (event.key === 'ArrowDown' ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

import { type ChatConversation, useTyping } from '@confab/client/react';

export function TypingLine({ conversation }: { conversation: ChatConversation }) {
  const { userIds } = useTyping(conversation.id);
  const names = userIds.map((id) => conversation.participants.find((other) => other._id === id)?.name ?? 'Somebody');
  return (
    <div className="typing-line" role="status">
      {names.length > 0 && (
        <>
          <span className="typing-dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <bdi>{textOf(names)}</bdi>
        </>
      )}
    </div>
  );
}

function textOf(names: string[]): string {
  if (names.length === 1) return `${names[0]} is typing…`;
  return names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : 'Several people are typing…';
}

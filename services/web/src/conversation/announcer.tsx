import { useChat } from '@confab/client/react';
import { useEffect, useState } from 'react';

/** Reads out what others write while the conversation is open; scrolling reads out nothing. */
export function Announcer({ conversationId, me }: { conversationId: string; me: string }) {
  const chat = useChat();
  const [text, setText] = useState('');
  useEffect(
    () =>
      chat.on('message', ({ message, live }) => {
        if (!live || message.conversationId !== conversationId || message.senderId._id === me) return;
        setText(`${message.senderId.name}: ${message.text ?? message.messageType}`);
      }),
    [chat, conversationId, me],
  );
  return (
    <div className="visually-hidden" aria-live="polite">
      {text}
    </div>
  );
}

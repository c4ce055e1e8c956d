// The smallest chat in React: it sends at once, works offline, and catches up by itself.
import { type FormEvent, useEffect, useState } from 'react';
import { ChatProvider, createChatClient, useConnection, useMessages, useSend, useTyping } from '../src/react/index.ts';

/** @param fetchToken gets a token from the application's own login; called again when one has run out */
export function Chat({ fetchToken, conversationId }: { fetchToken: () => Promise<string>; conversationId: string }) {
  const [client] = useState(() => createChatClient({ token: fetchToken }));
  useEffect(() => {
    client.connect();
    return () => client.close();
  }, [client]);
  return (
    <ChatProvider client={client}>
      <Messages conversationId={conversationId} />
    </ChatProvider>
  );
}

function Messages({ conversationId }: { conversationId: string }) {
  const { messages, hasOlder, loadOlder, markRead } = useMessages(conversationId);
  const { userIds } = useTyping(conversationId);
  const { status } = useConnection();
  const newest = messages.at(-1)?.id;
  useEffect(() => markRead(newest), [newest, markRead]);
  return (
    <section>
      {status === 'offline' && <p>You are offline. What you write is sent when you are back.</p>}
      {hasOlder && (
        <button type="button" onClick={loadOlder}>
          Older messages
        </button>
      )}
      <ol>
        {messages.map((message) => (
          <li key={message.key}>
            <b>{message.sender.name}</b> {message.deleted ? <i>deleted</i> : message.text}{' '}
            <small>{message.state}</small>
          </li>
        ))}
      </ol>
      {userIds.length > 0 && <p>Somebody is typing…</p>}
      <Composer conversationId={conversationId} />
    </section>
  );
}

function Composer({ conversationId }: { conversationId: string }) {
  const { send, limitedFor } = useSend(conversationId);
  const { keystroke } = useTyping(conversationId);
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    send({ text });
    setText('');
  };
  return (
    <form onSubmit={submit}>
      <input
        aria-label="Message"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          keystroke();
        }}
      />
      <button type="submit">Send</button>
      {limitedFor > 0 && <p>Your messages go out in {limitedFor} s.</p>}
    </form>
  );
}

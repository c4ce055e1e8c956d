// A bot that answers, in Node. `CONFAB_URL` and `CONFAB_TOKEN` are given by whoever starts it.
import { createChatClient } from '../src/index.ts';

/** Answers "ping" with "pong" wherever it is asked. @returns ends it */
export function startPingBot(url: string, token: string): () => void {
  const chat = createChatClient({ url, token });
  chat.on('message', ({ message }) => {
    if (message.senderId._id === chat.userId || message.text !== 'ping') return;
    chat.send(message.conversationId, { text: 'pong', replyTo: message._id });
  });
  chat.on('failed', ({ item, error }) => console.error(`not sent: ${item.text}: ${error.message}`));
  chat.connect();
  return () => chat.close();
}

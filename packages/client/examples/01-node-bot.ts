// A bot that answers "ping" with "pong" wherever it is asked, until it is ended. From the project's root, with Node 20 or newer:
//   CONFAB_URL=http://localhost:3100 CONFAB_TOKEN=... node infra/launch/run-ts.mjs packages/client/examples/01-node-bot.ts
import { createChatClient } from '../src/index.ts';

const { CONFAB_URL: url, CONFAB_TOKEN: token } = process.env;
if (!url || !token) throw new Error('CONFAB_URL is where Confab is, CONFAB_TOKEN a token of the user that the bot is');

const chat = createChatClient({ url, token });
chat.on('message', ({ message }) => {
  if (message.senderId._id === chat.userId || message.text !== 'ping') return;
  chat.send(message.conversationId, { text: 'pong', replyTo: message._id });
});
chat.on('failed', ({ item, error }) => console.error(`not sent: ${item.text}: ${error.message}`));
chat.connection.subscribe(() => console.log(chat.connection.get().status));
chat.connect();

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => chat.close());

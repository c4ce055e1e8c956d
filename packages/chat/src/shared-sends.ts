import type { Message, SendMessageBody } from '@confab/contracts';
import type { ChatContext } from './context.ts';

/** Sends under way in this process, by sender, conversation and client id. One map per context, which its store stands for. */
const underWay = new WeakMap<ChatContext['store'], Map<string, Promise<Message>>>();

/**
 * Runs a send, unless the same one (sender, conversation, client id) is under way in this process: then its outcome is shared, failures
 * included. Without it a burst of retries would take a seq each, void all but one, and hold each other up on one document:
 * fifty at once took over 10 s.
 */
export function shareSend(
  store: ChatContext['store'],
  senderId: string,
  { conversationId, clientMessageId }: SendMessageBody,
  send: () => Promise<Message>,
): Promise<Message> {
  if (clientMessageId === undefined) return send();
  const sends = underWay.get(store) ?? new Map<string, Promise<Message>>();
  underWay.set(store, sends);
  const key = JSON.stringify([senderId, conversationId, clientMessageId]);
  const earlier = sends.get(key);
  if (earlier) return earlier;
  const sending = send().finally(() => sends.delete(key));
  sends.set(key, sending);
  return sending;
}

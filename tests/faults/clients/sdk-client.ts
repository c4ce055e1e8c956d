import { type ChatClient, createChatClient } from '@confab/client';
import type { Ledger } from '../ledger.ts';
import type { Caller } from '../rest.ts';
import type { Device } from './device.ts';

export interface SdkDeviceOptions {
  userId: string;
  caller: Caller;
  ledger: Ledger;
}

/** The SDK in the hands of an application: sends are queued and retried by the SDK, and it catches up by itself. */
export class SdkDevice implements Device {
  readonly kind = 'sdk';
  readonly userId: string;
  readonly known = new Set<string>();
  readonly seenAt = new Map<string, number>();
  readonly client: ChatClient;
  /** The SDK drops what it knows, so that a repeat that shows here has come through to the application. */
  readonly repeats = 0;
  doubled = 0;
  readonly #ledger: Ledger;
  readonly #sentHere = new Set<string>();

  constructor({ userId, caller, ledger }: SdkDeviceOptions) {
    this.userId = userId;
    this.#ledger = ledger;
    this.client = createChatClient({ url: caller.base, token: caller.token, userId, transports: ['websocket'] });
    this.client.on('message', ({ message }) => {
      if (this.known.has(message._id)) this.doubled++;
      this.known.add(message._id);
      this.seenAt.set(message._id, performance.now());
      const { clientMessageId } = message;
      if (clientMessageId !== undefined && this.#sentHere.has(clientMessageId))
        ledger.acknowledge(clientMessageId, { messageId: message._id, seq: message.seq });
    });
    // The person presses "try again".
    this.client.on('failed', ({ item, error }) => {
      ledger.failed(item.clientMessageId, error.code);
      this.client.retry(item.clientMessageId);
    });
    this.client.connect();
  }

  get connected(): boolean {
    return this.client.connection.get().status === 'live';
  }

  /** Hands a message to the SDK; the ledger learns of it, and later of its confirmation. */
  send(conversationId: string, text: string): void {
    const clientMessageId = this.client.send(conversationId, { text });
    this.#sentHere.add(clientMessageId);
    this.#ledger.begin({ clientMessageId, conversationId, senderId: this.userId, way: 'sdk' });
  }

  close(): void {
    this.client.close();
  }
}

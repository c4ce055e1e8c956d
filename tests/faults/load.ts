import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import type { Device } from './clients/device.ts';
import { SdkDevice } from './clients/sdk-client.ts';
import { StockClient } from './clients/stock-client.ts';
import { Ledger } from './ledger.ts';
import type { Random } from './random.ts';
import { type Caller, call, codeOf, insist } from './rest.ts';
import type { Rig } from './rig.ts';
import { StatusWatch } from './status-watch.ts';

export interface LoadOptions {
  /** Groups, and members of each. */
  groups?: number;
  members?: number;
  /** Messages a second that all senders together try to send. */
  rate?: number;
  /** Share of users whose client is the SDK. */
  sdkShare?: number;
  /** Characters of a message. */
  textLength?: number;
}

export interface Conversation {
  id: string;
  members: string[];
}

const DEFAULTS = { groups: 3, members: 4, rate: 15, sdkShare: 0.34, textLength: 40 };
/** Milliseconds that a client with a stored promise of ours may go on trying. Source: longer than the longest fault. */
const GIVE_UP_MS = 90_000;

/** People who chat: clients of both kinds that send, read and delete, and a ledger of what they were promised. */
export class Load {
  readonly ledger = new Ledger();
  readonly statuses = new StatusWatch();
  readonly devices: Device[] = [];
  readonly conversations: Conversation[] = [];
  /** Read watermarks that a 2xx promised: `conversation user` -> seq. */
  readonly readPromises = new Map<string, number>();
  /** Milliseconds that each acknowledged or refused try took, REST and sockets. */
  readonly answers: { at: number; tookMs: number; code: string }[] = [];
  readonly #rig: Rig;
  readonly #random: Random;
  readonly #options: Required<LoadOptions>;
  readonly #loops: Promise<void>[] = [];
  #running = false;
  #count = 0;

  constructor(rig: Rig, random: Random, options: LoadOptions = {}) {
    this.#rig = rig;
    this.#random = random;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Makes conversations, connects everybody, and begins to send. */
  async start(): Promise<void> {
    for (let group = 0; group < this.#options.groups; group++) await this.#openGroup(group);
    await eventually(() => this.devices.every((device) => device.connected), 30_000, 50);
    this.#running = true;
    const users = this.devices.length;
    const pauseMs = (1_000 * users) / this.#options.rate;
    for (const device of this.devices) this.#loops.push(this.#live(device, pauseMs));
    this.#loops.push(this.#watchHistory());
  }

  /** Ends sending, and waits until everything that was begun has an answer or was given up. Idempotent. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
    const end = Date.now() + GIVE_UP_MS;
    while (this.ledger.open.length > 0 && Date.now() < end) await sleep(50);
  }

  close(): void {
    for (const device of this.devices) device.close();
  }

  /** Others, in conversations of their own, who are checked with everybody from now on, and closed with everybody. */
  adopt(conversations: readonly Conversation[], devices: readonly Device[]): void {
    this.conversations.push(...conversations);
    this.devices.push(...devices);
  }

  membersOf(conversationId: string): string[] {
    return this.conversations.find(({ id }) => id === conversationId)?.members ?? [];
  }

  /** Sends over REST with one client id until it is acknowledged. @returns the id of the message, if it was */
  async sendByRest(userId: string, conversationId: string, text: string, base?: string): Promise<string | undefined> {
    const clientMessageId = this.#newId(userId);
    this.ledger.begin({ clientMessageId, conversationId, senderId: userId, way: 'rest' });
    return this.#repeatByRest(this.#rig.caller(userId, base), conversationId, text, clientMessageId);
  }

  /** Sends over a socket with one client id until it is acknowledged. @returns the id of the message, if it was */
  async sendBySocket(device: StockClient, conversationId: string, text: string): Promise<string | undefined> {
    const clientMessageId = this.#newId(device.userId);
    this.ledger.begin({ clientMessageId, conversationId, senderId: device.userId, way: 'socket' });
    return this.#repeatBySocket(device, conversationId, text, clientMessageId);
  }

  /** One client id over REST and over a socket at once; two messages of it would be a contradiction in the ledger. */
  async sendByBoth(device: StockClient, conversationId: string, text: string): Promise<void> {
    const { userId } = device;
    const clientMessageId = this.#newId(userId);
    this.ledger.begin({ clientMessageId, conversationId, senderId: userId, way: 'both' });
    await Promise.all([
      this.#repeatByRest(this.#rig.caller(userId), conversationId, text, clientMessageId),
      this.#repeatBySocket(device, conversationId, text, clientMessageId),
    ]);
  }

  #repeatByRest(caller: Caller, conversationId: string, text: string, clientMessageId: string) {
    return this.#untilAcknowledged(clientMessageId, async () => {
      const body = { conversationId, text, messageType: 'text', clientMessageId };
      const reply = await call(caller, 'POST', '/api/chat/message', body);
      const data = reply.body?.data;
      return { ...reply, message: reply.code === '' ? { messageId: data._id, seq: data.seq } : undefined };
    });
  }

  async #openGroup(index: number): Promise<void> {
    const members = Array.from({ length: this.#options.members }, (_, i) => `user-${index}-${i}`);
    const [owner = '', ...participants] = members;
    const caller = this.#rig.caller(owner);
    const { data } = await insist(caller, 'POST', '/api/chat/conversations', { participants, name: `Group ${index}` });
    this.conversations.push({ id: data._id, members });
    for (const userId of members) this.devices.push(this.#deviceOf(userId, data._id));
  }

  #deviceOf(userId: string, conversationId: string): Device {
    const caller = this.#rig.caller(userId);
    if (this.#random.next() < this.#options.sdkShare) return new SdkDevice({ userId, caller, ledger: this.ledger });
    return new StockClient({ userId, caller, conversations: [conversationId], statuses: this.statuses });
  }

  async #live(device: Device, pauseMs: number): Promise<void> {
    const conversation = this.conversations.find(({ members }) => members.includes(device.userId));
    if (!conversation) return;
    while (this.#running) {
      await sleep(pauseMs * (0.5 + this.#random.next()));
      if (this.#running) await this.#act(device, conversation.id);
    }
  }

  async #act(device: Device, conversationId: string): Promise<void> {
    const text = `${device.userId} ${this.#count} `.padEnd(this.#options.textLength, '.');
    const dice = this.#random.next();
    if (dice < 0.1) await this.#read(device, conversationId);
    else if (device instanceof SdkDevice) device.send(conversationId, text);
    else if (device instanceof StockClient && dice < 0.6) await this.sendBySocket(device, conversationId, text);
    else await this.sendByRest(device.userId, conversationId, text);
    if (dice > 0.98) await this.#deleteOne(device.userId);
  }

  #repeatBySocket(device: StockClient, conversationId: string, text: string, clientMessageId: string) {
    return this.#untilAcknowledged(clientMessageId, async () => {
      const startedAt = performance.now();
      const ack = await askSocket(device, 'send:message', {
        conversationId,
        text,
        messageType: 'text',
        clientMessageId,
      });
      const { messageId, seq } = ack.data ?? {};
      const message = messageId !== undefined && seq !== undefined ? { messageId, seq } : undefined;
      return { code: ack.code, retryAfter: ack.error?.retryAfter ?? 0, tookMs: performance.now() - startedAt, message };
    });
  }

  async #untilAcknowledged(
    clientMessageId: string,
    attempt: () => Promise<{
      code: string;
      retryAfter: number;
      tookMs: number;
      message?: { messageId: string; seq: number } | undefined;
    }>,
  ): Promise<string | undefined> {
    const end = Date.now() + GIVE_UP_MS;
    while (Date.now() < end) {
      const answer = await attempt();
      if (answer.code !== 'OFFLINE')
        this.answers.push({ at: performance.now(), tookMs: answer.tookMs, code: answer.code });
      if (answer.message) {
        this.ledger.acknowledge(clientMessageId, answer.message);
        return answer.message.messageId;
      }
      this.ledger.failed(clientMessageId, answer.code);
      await sleep(Math.min(1_000, Math.max(200, answer.retryAfter * 1_000)));
    }
    return undefined;
  }

  /** Over REST, since that promises that the own count has moved. */
  async #read(device: Device, conversationId: string): Promise<void> {
    const reply = await call(this.#rig.caller(device.userId), 'POST', '/api/chat/messages/read', { conversationId });
    if (reply.code !== '') return;
    const key = `${conversationId} ${device.userId}`;
    this.readPromises.set(key, Math.max(this.readPromises.get(key) ?? 0, reply.body.data.readSeq));
  }

  async #deleteOne(userId: string): Promise<void> {
    const own = this.ledger.acknowledged.filter(({ senderId }) => senderId === userId);
    if (own.length === 0) return;
    const { messageId } = this.#random.pick(own).acknowledged;
    // One that fails is left alone: deletions promise nothing without a 2xx.
    await call(this.#rig.caller(userId), 'DELETE', `/api/chat/message/${messageId}`, { deleteForEveryone: true });
  }

  /** Looks at history while everything goes on, for statuses that go back. */
  async #watchHistory(): Promise<void> {
    while (this.#running) {
      await sleep(700);
      const conversation = this.#random.pick(this.conversations);
      const reader = this.#random.pick(conversation.members);
      const askedAt = performance.now();
      const path = `/api/chat/conversation/${conversation.id}/messages?limit=100`;
      const reply = await call(this.#rig.caller(reader), 'GET', path);
      if (reply.code !== '') continue;
      for (const { _id, status } of reply.body.data) this.statuses.shown(_id, status, askedAt);
    }
  }

  #newId(userId: string): string {
    return `${userId}-${++this.#count}`;
  }
}

/** Milliseconds that a client waits for an ack. */
const ACK_MS = 10_000;

export interface WireMessage {
  _id: string;
  seq: number;
  text: string | null;
  createdAt: string;
  clientMessageId: string;
}

interface SocketAnswer {
  success: boolean;
  code: string;
  data?: { messageId: string; seq: number; message: WireMessage };
  error?: { code?: string; retryAfter?: number };
}

/** Emits with an ack. It never throws: `OFFLINE` is said by the client itself, `TIMEOUT` where no ack came. */
export async function askSocket(device: StockClient, event: string, payload: unknown): Promise<SocketAnswer> {
  if (!device.connected) return { success: false, code: 'OFFLINE' };
  try {
    const ack = await device.socket.timeout(ACK_MS).emitWithAck(event, payload);
    return { ...ack, code: ack.success === true ? '' : codeOf(ack) };
  } catch {
    // socket.io-client fails all waiting acks when the connection goes
    return { success: false, code: device.connected ? 'TIMEOUT' : 'OFFLINE' };
  }
}

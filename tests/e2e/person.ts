import type { ClientEventName, ServerEventName, ServerPayload } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import { io, type Socket } from 'socket.io-client';
import type { System } from './system.ts';

export interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at from outside, as a client without our types does
  body: any;
}

export interface Ack {
  success: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: see Reply
  data?: any;
  error?: { code: string; message: string; retryAfter?: number; field?: string };
}

type Transport = 'websocket' | 'polling';

/** Somebody who uses the system with fetch and a stock socket.io-client. */
export class Person {
  readonly id: string;
  readonly system: System;
  readonly #claims: Record<string, unknown>;
  readonly #devices: Device[] = [];

  constructor(system: System, id: string, claims: Record<string, unknown> = {}) {
    this.system = system;
    this.id = id;
    this.#claims = claims;
  }

  get token(): string {
    return this.system.token(this.id, this.#claims);
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    options: { headers?: Record<string, string>; base?: string } = {},
  ): Promise<Reply> {
    const response = await fetch(`${options.base ?? this.system.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  /** Opens the conversation with somebody. @returns its id */
  async converse(other: Person | string): Promise<string> {
    const id = typeof other === 'string' ? other : other.id;
    const reply = await this.call('GET', `/api/chat/conversation/${encodeURIComponent(id)}`);
    if (reply.status !== 200) throw new Error(`no conversation: ${JSON.stringify(reply.body)}`);
    return reply.body.data._id;
  }

  async history(conversationId: string, query = ''): Promise<Reply['body']> {
    return (await this.call('GET', `/api/chat/conversation/${conversationId}/messages${query}`)).body;
  }

  /** Connects a device and waits until it is connected. */
  async connect(options: { url?: string; transport?: Transport } = {}): Promise<Device> {
    const device = new Device(options.url ?? this.system.url, this.token, options.transport ?? 'websocket');
    this.#devices.push(device);
    await device.connected();
    return device;
  }

  leave(): void {
    for (const device of this.#devices) device.socket.close();
  }
}

/** A stock socket.io-client that remembers what it received. */
export class Device {
  readonly socket: Socket;
  readonly received: { event: string; data: never }[] = [];

  constructor(url: string, token: string, transport: Transport) {
    this.socket = io(url, { auth: { token }, transports: [transport], forceNew: true, reconnection: false });
    this.socket.onAny((event: string, ...args: unknown[]) => this.received.push({ event, data: args[0] as never }));
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  /** Emits with an ack callback. */
  emit(event: ClientEventName | (string & {}), payload: unknown): Promise<Ack> {
    return this.socket.timeout(8_000).emitWithAck(event, payload) as Promise<Ack>;
  }

  /** Everything received of one kind. */
  all<E extends ServerEventName>(event: E): ServerPayload<E>[] {
    return this.received.filter((entry) => entry.event === event).map((entry) => entry.data as ServerPayload<E>);
  }

  /** Waits for an event that matches. */
  event<E extends ServerEventName>(
    event: E,
    matches: (data: ServerPayload<E>) => boolean = () => true,
    deadlineMs = 8_000,
  ): Promise<ServerPayload<E>> {
    return eventually(() => {
      const found = this.all(event).find(matches);
      if (!found) throw new Error(`no ${event} that matches among ${JSON.stringify(this.received).slice(0, 2_000)}`);
      return found;
    }, deadlineMs);
  }

  /** Waits for the end of the connection. @returns the reason that socket.io-client gives */
  ended(): Promise<string> {
    return new Promise((resolve) => {
      if (this.socket.disconnected) resolve('already');
      this.socket.once('disconnect', resolve);
    });
  }
}

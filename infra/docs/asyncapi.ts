import {
  clientEvents,
  disconnectCatalogue,
  errorCatalogue,
  FeedEvent,
  InboxMeta,
  receiptEvents,
  Signal,
  serverEvents,
} from '@confab/contracts';
import type { TSchema } from 'typebox';

const camel = (name: string): string => name.replaceAll(/[:.-](\w)/g, (_, letter: string) => letter.toUpperCase());

interface Message {
  name: string;
  summary: string;
  payload: TSchema;
  'x-ack'?: TSchema;
}

interface Channel {
  address: string;
  description: string;
  messages: Record<string, Message>;
}

const clientMessages = Object.fromEntries(
  Object.entries(clientEvents).map(([name, { summary, payload, ack }]) => [
    `client.${camel(name)}`,
    { name, summary, payload, 'x-ack': ack },
  ]),
);
const serverMessages = Object.fromEntries(
  Object.entries(serverEvents).map(([name, { summary, payload }]) => [
    `server.${camel(name)}`,
    { name, summary, payload },
  ]),
);

const channels: Record<string, Channel> = {
  socket: {
    address: '/socket.io/',
    description:
      'Socket.IO, protocol 5, on the origin of the edge. The token goes into the handshake as auth.token or the Authorization header.',
    messages: { ...clientMessages, ...serverMessages },
  },
  inbox: {
    address: 'inbox:{instance}',
    description:
      'Redis Stream, one per gateway instance: field m is this as JSON, field p the payload of the socket event as JSON.',
    messages: {
      inboxEntry: {
        name: 'inbox entry',
        summary: 'A socket event on its way to users of one gateway',
        payload: InboxMeta,
      },
    },
  },
  receipts: {
    address: 'receipts:{partition}',
    description: 'Redis Stream, partitioned by conversation (presence: by user); consumer group of the workers.',
    messages: Object.fromEntries(
      Object.entries(receiptEvents).map(([name, payload]) => [
        `receipt.${name}`,
        { name, summary: `A ${name} receipt`, payload },
      ]),
    ),
  },
  events: {
    address: 'events:{partition}',
    description:
      'Redis Stream, the durable feed for other consumers (push, webhooks, search), partitioned by conversation.',
    messages: {
      feedEvent: { name: 'feed event', summary: 'Something that happened in a conversation', payload: FeedEvent },
    },
  },
  signals: {
    address: 'signal:{instance}',
    description: 'Sharded Pub/Sub, one channel per gateway instance; lost without harm.',
    messages: { signal: { name: 'signal', summary: 'Somebody types', payload: Signal } },
  },
};

const references = (channel: string, names: string[]) =>
  names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` }));

const operation = (action: 'send' | 'receive', channel: string, names: string[], summary: string) => ({
  action,
  channel: { $ref: `#/channels/${channel}` },
  summary,
  messages: references(channel, names),
});

/** Sockets and streams as an AsyncAPI 3 document, from the contracts alone. */
export function asyncApi(): object {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Confab sockets and streams',
      version: '1',
      description:
        'Every client event may carry an ack callback, answered {success: true, data} or {success: false, error: {code, message, field?, retryAfter?}}; without one, failures come as the error event.',
    },
    channels,
    operations: {
      clientEmits: operation('receive', 'socket', Object.keys(clientMessages), 'What clients may emit'),
      gatewayEmits: operation('send', 'socket', Object.keys(serverMessages), 'What a gateway emits'),
      publish: operation('send', 'inbox', ['inboxEntry'], 'Api and worker append, the gateway reads its own'),
      noteReceipts: operation(
        'send',
        'receipts',
        Object.keys(channels.receipts?.messages ?? {}),
        'Gateways and the api append, workers read',
      ),
      feed: operation('send', 'events', ['feedEvent'], 'The api appends, your own consumers read'),
      signal: operation('send', 'signals', ['signal'], 'Gateways signal each other'),
    },
    'x-errors': errorCatalogue,
    'x-disconnects': disconnectCatalogue,
  };
}

import type { TSchema } from 'typebox';
import {
  clientEvents,
  errorCatalogue,
  FeedEvent,
  InboxMeta,
  receiptEvents,
  routes,
  Signal,
  serverEvents,
} from '../src/index.ts';

/** Who reads a schema: what we accept may only grow wider, what we give may only grow richer. */
export type Direction = 'accepted' | 'given';

export interface Contract {
  direction: Direction;
  schema: unknown;
}

/** Every contract of this build by name, as plain JSON. */
export function currentContracts(): Record<string, Contract> {
  const contracts: Record<string, Contract> = {};
  const add = (name: string, direction: Direction, schema: TSchema | undefined) => {
    if (schema) contracts[name] = { direction, schema: JSON.parse(JSON.stringify(schema)) as unknown };
  };
  for (const [name, route] of Object.entries(routes) as [string, Record<string, TSchema | undefined>][]) {
    add(`rest ${name} params`, 'accepted', route.params);
    add(`rest ${name} query`, 'accepted', route.query);
    add(`rest ${name} body`, 'accepted', route.body);
    add(`rest ${name} reply`, 'given', route.reply);
  }
  for (const [name, { payload, ack }] of Object.entries(clientEvents)) {
    add(`client event ${name}`, 'accepted', payload);
    add(`ack of ${name}`, 'given', ack);
  }
  for (const [name, { payload }] of Object.entries(serverEvents)) add(`server event ${name}`, 'given', payload);
  // Stream entries are read by older and newer services at once: both rules hold for them.
  const streams = { ...receiptEvents, InboxMeta, FeedEvent, Signal };
  for (const [name, schema] of Object.entries(streams)) {
    add(`stream ${name} (as written)`, 'given', schema);
    add(`stream ${name} (as read)`, 'accepted', schema);
  }
  for (const code of Object.keys(errorCatalogue)) contracts[`error ${code}`] = { direction: 'given', schema: {} };
  for (const [name, { method, path }] of Object.entries(routes)) {
    contracts[`rest ${name} ${method} ${path}`] = { direction: 'given', schema: {} };
  }
  return contracts;
}

import { type ClientEventName, clientEvents, type RouteContract, type RouteName, routes } from '@confab/contracts';
import { eventProbes } from './event-probes.ts';
import { type RouteArguments, routeProbes, unknownLike } from './route-probes.ts';
import type { World } from './world.ts';

/** One answer, with the id that was asked for taken out. */
export interface Answer {
  status: number | string;
  body: string;
}

/** One way to ask for something foreign, ready to be asked again and again. */
export interface Probe {
  name: string;
  askForeign(): Promise<Answer>;
  askUnknown(): Promise<Answer>;
}

/** Routes and events of the contracts that have no arguments in the walk. */
export function unprobed(): string[] {
  const missing = (names: string[], table: object) => names.filter((name) => !Object.hasOwn(table, name));
  return [...missing(Object.keys(routes), routeProbes), ...missing(Object.keys(clientEvents), eventProbes)];
}

/** Every way in which Eve can name something of Ann and Bob, over REST and over her socket. */
export const probesOf = (world: World): Probe[] => [...restProbes(world), ...socketProbes(world)];

function restProbes(world: World): Probe[] {
  return (Object.keys(routes) as RouteName[]).flatMap((route) => {
    const probes = routeProbes[route];
    if ('none' in probes) return [];
    return probes.map((probe) => {
      const foreign = probe.foreign(world);
      const ask = (id: string) => callRoute(world, routes[route], probe.with(id, world), id);
      return probeOf(`${route}: ${probe.what}`, foreign, ask);
    });
  });
}

function socketProbes(world: World): Probe[] {
  return (Object.keys(clientEvents) as ClientEventName[]).flatMap((event) =>
    eventProbes[event].map((probe) => {
      const foreign = probe.foreign(world);
      const ask = (id: string) => emitEvent(world, event, probe.with(id, world), id);
      return probeOf(`${event}: ${probe.what}`, foreign, ask);
    }),
  );
}

/** One unknown id for all the asking, as there is one foreign: what is remembered of either is remembered of both. */
function probeOf(name: string, foreign: string, ask: (id: string) => Promise<Answer>): Probe {
  const unknown = unknownLike(foreign);
  return { name, askForeign: () => ask(foreign), askUnknown: () => ask(unknown) };
}

async function callRoute(world: World, contract: RouteContract, args: RouteArguments, id: string): Promise<Answer> {
  const { status, body } = await world.eve.call(contract.method, pathOf(contract, args), args.body);
  return { status, body: without(id, body) };
}

export function pathOf({ path }: RouteContract, { params = {}, query = {} }: RouteArguments): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams(query).toString();
  return search === '' ? filled : `${filled}?${search}`;
}

async function emitEvent(world: World, event: string, payload: object, id: string): Promise<Answer> {
  const ack = await world.eveDevice.emit(event, payload);
  return { status: ack.success ? 'ok' : (ack.error?.code ?? 'no code'), body: without(id, ack) };
}

/** What differs from one call to the next for everybody: times, ids of new things, counters. */
function without(id: string, body: unknown): string {
  const text = JSON.stringify(body, (key, value: unknown) => (VARYING.has(key) ? `<${key}>` : value));
  return text.replaceAll(id, '<id>');
}
const VARYING = new Set([
  '_id',
  'messageId',
  'mediaId',
  'createdAt',
  'updatedAt',
  'lastMessageAt',
  'seq',
  'cursor',
  'retryAfter',
]);

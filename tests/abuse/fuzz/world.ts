import type { Known } from '@confab/testkit/attacks';
import type { Device, Person } from '../../e2e/person.ts';
import type { AbuseRig } from '../rig.ts';
import { MembershipLedger } from './membership-ledger.ts';

/** Stands in every message of a conversation that we write: who reads it has read that conversation. */
export const markOf = (conversationId: string) => `in:${conversationId}:`;

export interface FuzzWorld {
  rig: AbuseRig;
  ledger: MembershipLedger;
  /** Who sends what is wrong. */
  fuzzers: Person[];
  /** Who owns the groups; the fuzzers come and go there. */
  owners: Person[];
  groups: { id: string; owner: Person }[];
  /** Conversations that no fuzzer is ever in. */
  foreign: string[];
  known: Known;
  devices: { person: Person; device: Device }[];
}

const FUZZERS = 8;
const GROUPS = 4;

export async function createFuzzWorld(rig: AbuseRig): Promise<FuzzWorld> {
  const people = (count: number, name: string) => Array.from({ length: count }, () => rig.person(name));
  const [fuzzers, owners, strangers] = [people(FUZZERS, 'fuzzer'), people(2, 'owner'), people(2, 'stranger')];
  const ledger = new MembershipLedger();
  const world = { rig, ledger, fuzzers, owners };
  const groups = [];
  for (let i = 0; i < GROUPS; i++) {
    const owner = owners[i % owners.length] as Person;
    groups.push({
      id: await createGroup(
        world,
        owner,
        fuzzers.filter((_, f) => f % 2 === i % 2),
      ),
      owner,
    });
  }
  const direct = [await open(world, fuzzers[0], fuzzers[1]), await open(world, fuzzers[2], fuzzers[3])];
  const foreign = [await open(world, strangers[0], strangers[1]), await createGroup(world, strangers[0] as Person, [])];
  const messages = [];
  for (const id of [...groups.map((group) => group.id), ...direct, ...foreign]) {
    const author = foreign.includes(id) ? strangers[0] : (groups.find((group) => group.id === id)?.owner ?? undefined);
    if (author) messages.push(await mark(author, id));
  }
  const ids = [...groups.map((group) => group.id), ...direct, ...foreign, ...messages];
  const userIds = [...fuzzers, ...owners, ...strangers].map(({ id }) => id);
  const devices = await connectAll(rig, [...fuzzers, ...owners], ledger);
  return { ...world, groups, foreign, known: { ids, userIds: [...userIds, 'ghost-1', 'ghost-2'] }, devices };
}

type Making = Pick<FuzzWorld, 'ledger'>;

async function createGroup({ ledger }: Making, owner: Person, members: Person[]): Promise<string> {
  const participants = members.length > 0 ? members.map(({ id }) => id) : ['ghost-0'];
  const since = performance.now();
  const { body } = await owner.call('POST', '/api/chat/conversations', { participants });
  ledger.members(body.data._id, [owner.id, ...participants], since);
  return body.data._id;
}

async function open({ ledger }: Making, one: Person | undefined, other: Person | undefined): Promise<string> {
  if (!one || !other) throw new Error('nobody to open a conversation with');
  const since = performance.now();
  const id = await one.converse(other);
  ledger.members(id, [one.id, other.id], since);
  return id;
}

/** @returns the id of a message that names its conversation */
async function mark(author: Person, conversationId: string): Promise<string> {
  const { body } = await author.call('POST', '/api/chat/message', {
    conversationId,
    text: `${markOf(conversationId)} first`,
  });
  return body.data._id;
}

async function connectAll(rig: AbuseRig, people: Person[], ledger: MembershipLedger) {
  const devices = [];
  for (const [index, person] of people.entries()) {
    const device = await person.connect({ url: rig.system.gateways[index % 2] });
    watch(device, person.id, ledger);
    devices.push({ person, device });
  }
  return devices;
}

/** Notes every event that names a conversation, and keeps nothing else. */
export function watch(device: Device, userId: string, ledger: MembershipLedger): void {
  device.socket.offAny();
  /** When this socket was told that the user is out of a conversation, by its id. */
  const toldAt = new Map<string, number>();
  device.socket.onAny((event: string, payload: unknown) => {
    const conversationId = conversationIn(payload);
    if (!conversationId) return;
    const at = performance.now();
    const change = ownChange(event, payload, userId);
    if (change === undefined)
      ledger.named.push({ at, userId, conversationId, event, toldAt: toldAt.get(conversationId) });
    else if (change === 'member-removed') toldAt.set(conversationId, at);
    else toldAt.delete(conversationId);
  });
}

/** What happened to the user themselves: who is removed is told so, and that is the last that they are told. */
function ownChange(event: string, payload: unknown, userId: string): string | undefined {
  const { userIds, change } = payload as { userIds?: string[]; change?: string };
  return event === 'conversation:updated' && userIds?.includes(userId) ? change : undefined;
}

function conversationIn(payload: unknown): string | undefined {
  const { conversationId, message } = (payload ?? {}) as {
    conversationId?: string;
    message?: { conversationId?: string };
  };
  return conversationId ?? message?.conversationId;
}

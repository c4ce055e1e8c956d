import { limits, type RouteContract, type RouteName, routes } from '@confab/contracts';
import { hostile, hostileText, type Known, samplesOf } from '@confab/testkit/attacks';
import { createRandom, type Random } from '../../faults/random.ts';
import { ask, codeOf } from '../ask.ts';
import { Answers } from './answers.ts';
import type { FuzzWorld } from './world.ts';

/** Calls under way at once. */
const LANES = 12;
/** Calls that are made up at once for one route. */
const BATCH = 100;

interface MadeUp {
  params: Record<string, string>;
  query: Record<string, string>;
  body: string | undefined;
}

/** Sends calls made from the routes' schemas to both apis. @returns their answers */
export async function fuzzRest(world: FuzzWorld, calls: number, seed: number): Promise<Answers> {
  const answers = new Answers();
  const random = createRandom(seed);
  const supply = new Supply(world.known, seed);
  let left = calls;
  const lane = async () => {
    while (left-- > 0) await oneCall(world, supply, random, answers);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return answers;
}

async function oneCall(world: FuzzWorld, supply: Supply, random: Random, answers: Answers): Promise<void> {
  const name = random.pick(Object.keys(routes) as RouteName[]);
  const contract: RouteContract = routes[name];
  const caller = random.pick(world.fuzzers);
  const made = supply.next(name);
  const admin = contract.access === 'admin' && random.next() < 0.5;
  const since = performance.now();
  const forbidden = world.ledger.neverIn(caller.id, world.known.ids);
  const answer = await ask({
    method: contract.method,
    url: `${random.pick(world.rig.system.apis)}${pathOf(contract.path, made)}`,
    headers: {
      authorization: `Bearer ${admin ? world.rig.token('admin', { scope: 'chat:admin' }) : caller.token}`,
      ...(made.body !== undefined && { 'content-type': random.next() < 0.98 ? 'application/json' : 'text/plain' }),
    },
    ...(made.body !== undefined && { body: made.body }),
  });
  const code =
    answer.status < 300 && answer.status >= 200
      ? 'ok'
      : tooLarge(answer.status, made.body)
        ? 'cut as too large'
        : codeOf(answer);
  noteMembership(world, name, answer.status, answer.text, since);
  // Whoever was let in while the call ran may have read what they were let into.
  const never = forbidden.filter((id) => world.ledger.neverIn(caller.id, [id]).length > 0);
  answers.note(
    `${contract.method} ${pathOf(contract.path, made).slice(0, 80)} ${made.body?.slice(0, 80) ?? ''}`,
    code,
    answer.text,
    never,
  );
}

/** A body above the limit may be refused while it is still being sent: the connection ends then. */
const tooLarge = (status: number, body = ''): boolean => status === 0 && Buffer.byteLength(body) > limits.bodyBytes;

const pathOf = (path: string, { params, query }: MadeUp): string => {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encode(params[name] ?? ''));
  const search = Object.entries(query).map(([key, value]) => `${encode(key)}=${encode(value)}`);
  return search.length === 0 ? filled : `${filled}?${search.join('&')}`;
};

/** encodeURIComponent throws on half surrogates: their bytes are sent then, which is no UTF-8. */
const encode = (text: string): string => (text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80');

/** Fuzzers form groups, and leave them, by chance: what the answers say of it is noted. */
function noteMembership({ ledger }: FuzzWorld, name: RouteName, status: number, text: string, since: number): void {
  if (status < 200 || status >= 300) return;
  const { data } = JSON.parse(text) as {
    data: { _id?: string; participants?: { _id: string }[]; conversationId?: string; userId?: string };
  };
  if (
    (name === 'openConversation' || name === 'createGroup' || name === 'addMembers') &&
    data._id &&
    data.participants
  ) {
    const members = data.participants.map(({ _id }) => _id);
    ledger.members(data._id, members, since);
  }
  if (name === 'removeMember' && data.conversationId && data.userId)
    ledger.left(data.conversationId, data.userId, performance.now());
}

/** Makes calls up, a batch per route at a time. */
class Supply {
  readonly #known: Known;
  readonly #batches = new Map<RouteName, MadeUp[]>();
  #seed: number;

  constructor(known: Known, seed: number) {
    this.#known = known;
    this.#seed = seed * 1_000_003;
  }

  next(name: RouteName): MadeUp {
    let batch = this.#batches.get(name) ?? [];
    if (batch.length === 0) {
      batch = this.#make(name);
      this.#batches.set(name, batch);
    }
    return batch.pop() as MadeUp;
  }

  #make(name: RouteName): MadeUp[] {
    const contract: RouteContract = routes[name];
    // Nobody who takes part may be revoked.
    const known = name === 'revoke' ? { ...this.#known, userIds: ['ghost-1', 'ghost-2'] } : this.#known;
    const fields = (schema: unknown) =>
      Object.entries((schema as { properties?: Record<string, never> } | undefined)?.properties ?? {});
    const texts = (schema: unknown) =>
      fields(schema).map(([field, each]) => [field, samplesOf(hostileText(each, known), BATCH, this.#seed++)] as const);
    const [params, query] = [texts(contract.params), texts(contract.query)];
    const bodies = contract.body && samplesOf(hostile(contract.body, known), BATCH, this.#seed++);
    return Array.from({ length: BATCH }, (_, i) => ({
      params: Object.fromEntries(params.map(([field, values]) => [field, values[i] ?? ''])),
      query: Object.fromEntries(
        query.filter((_q, index) => (i + index) % 3 === 0).map(([field, values]) => [field, values[i] ?? '']),
      ),
      body: bodies ? bodyText(bodies[i], i) : undefined,
    }));
  }
}

/** Now and then no JSON at all. */
const bodyText = (body: unknown, i: number): string =>
  i % 50 === 49 ? `${JSON.stringify(body)}}` : (JSON.stringify(body) ?? '');

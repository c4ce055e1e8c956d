import { type ClientEventName, clientEvents, type RouteContract, type RouteName, routes } from '@confab/contracts';
import { ask, codeOf } from '../ask.ts';
import type { AbuseRig } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';
import { legalCalls, legalEvents, type Own } from '../samples.ts';
import { pathOf } from '../walk/walk.ts';

/** What is put in the place of each value, as JSON text: `__proto__` is then a field of its own. */
const HOSTILE_VALUES = [
  ...[
    '{"$ne":null}',
    '{"$gt":""}',
    '{"$regex":".*"}',
    '{"$where":"sleep(1000)"}',
    '{"$in":["a"]}',
    '{"$expr":{"$eq":[1,1]}}',
  ],
  ...['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '{"toString":1}'],
  ...['[]', '[{"$ne":1}]', '{}', 'true', '-1e999'],
];
/** What is put beside the fields. */
const HOSTILE_FIELDS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '$where',
  '$set',
  '$or',
  'a.b',
  '',
  'length',
];

export const operators: AbuseRow = {
  id: 34,
  name: 'operators and pollution',
  injection:
    'operators, prototypes and wrong types in the place of each field, and as further fields, on every route and event; in paths and queries',
  bar: '400, never 500',
  async run({ rig }) {
    const findings = new Findings();
    const ann = rig.person('ann');
    const bob = rig.person('bob');
    const conversationId = await ann.converse(bob);
    const group = await ann.call('POST', '/api/chat/conversations', { participants: [bob.id] });
    const message = await ann.call('POST', '/api/chat/message', { conversationId, text: 'x' });
    const own: Own = {
      ...{ userId: ann.id, otherId: bob.id, conversationId },
      ...{ groupId: group.body.data._id, messageId: message.body.data._id },
    };
    const token = rig.token(ann.id, { scope: 'chat:admin' });
    for (const route of Object.keys(routes) as RouteName[]) await onRoute(rig, route, own, token, findings);
    const device = await ann.connect();
    for (const event of Object.keys(clientEvents) as ClientEventName[]) {
      for (const text of variants(legalEvents(own)[event])) {
        // Infinity is no JSON: a client's encoder makes null of it.
        if (text.includes('1e999')) continue;
        const ack = await device.emit(event, JSON.parse(text));
        findings.check(
          ack.error?.code === 'VALIDATION_FAILED',
          `${event} ${text.slice(0, 80)}: ${ack.error?.code ?? 'ok'}`,
        );
      }
    }
    ann.leave();
    findings.check(rig.fallen().length === 0, `${rig.fallen().join()} fell`);
    const figure = `${findings.checks} variants: each refused as VALIDATION_FAILED, REST with 400`;
    return { injected: findings.checks, figure, problems: findings.problems };
  },
};

async function onRoute(rig: AbuseRig, route: RouteName, own: Own, token: string, findings: Findings): Promise<void> {
  const contract: RouteContract = routes[route];
  const legal = legalCalls(own)[route];
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const expect400 = async (what: string, path: string, body?: string) => {
    const answer = await ask({
      method: contract.method,
      url: `${rig.system.apis[0]}${path}`,
      headers,
      ...(body !== undefined && { body }),
    });
    findings.check(
      codeOf(answer) === 'VALIDATION_FAILED' && answer.status === 400,
      `${route} ${what}: ${answer.status} ${codeOf(answer)}`,
    );
  };
  if (contract.body) {
    for (const text of variants(legal.body ?? {})) await expect400(text.slice(0, 80), pathOf(contract, legal), text);
  }
  if (contract.query) {
    for (const query of [
      'limit[$gt]=1',
      'limit=1&limit=2',
      '__proto__[a]=1',
      'constructor=1',
      'limit=%24ne',
      '$where=1',
      'limit=-1',
      'limit=1e3',
    ]) {
      await expect400(query, `${pathOf(contract, { ...legal, query: {} })}?${query}`);
    }
  }
  for (const name of Object.keys(legal.params ?? {})) {
    // A user id may be any text; ids of ours may not.
    if (name === 'participantId' || name === 'userId' || name === 'id') continue;
    for (const value of [
      '{"$ne":null}',
      '[object Object]',
      '__proto__',
      '$where',
      `${'f'.repeat(23)}G`,
      `${'f'.repeat(24)}\0`,
    ]) {
      await expect400(
        `${name}=${value}`,
        pathOf(contract, { ...legal, params: { ...legal.params, [name]: value } }),
        legal.body && JSON.stringify(legal.body),
      );
    }
  }
}

/** The legal body with one hostile thing in it, as JSON text. */
function variants(legal: Record<string, unknown>): string[] {
  const texts: string[] = [];
  for (const [name, value] of Object.entries(legal)) {
    const others = Object.entries(legal).filter(([other]) => other !== name);
    for (const hostile of HOSTILE_VALUES) {
      if (isLegal(hostile, value)) continue;
      texts.push(objectText([...others.map(([k, v]) => [k, JSON.stringify(v)] as const), [name, hostile]]));
    }
  }
  const fields = Object.entries(legal).map(([k, v]) => [k, JSON.stringify(v)] as const);
  for (const name of HOSTILE_FIELDS) texts.push(objectText([...fields, [name, '{"admin":true}']]));
  return texts;
}

/** An empty list of ids or media is a list, an empty map of cursors is a map, and true is a boolean. */
const isLegal = (hostile: string, value: unknown): boolean =>
  (hostile === '[]' && Array.isArray(value) && !NEEDS_ITEMS.has(typeof value[0])) ||
  (hostile === '{}' && typeof value === 'object' && !Array.isArray(value)) ||
  (hostile === 'true' && typeof value === 'boolean');
const NEEDS_ITEMS = new Set<string>();

const objectText = (fields: readonly (readonly [string, string])[]) =>
  `{${fields.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;

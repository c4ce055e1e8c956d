import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceProcess } from '@confab/testkit';
import type { Device, Person } from '../../e2e/person.ts';
import { duration } from '../../faults/figures.ts';
import { type Answer, ask } from '../ask.ts';
import { worstLagMs } from '../rig.ts';
import { type AbuseRow, Findings, type Trial } from '../row.ts';

const LAG_MS = 100;
/** A bomb that blocks does so every time; a pause of the machine does not. */
const TRIES = 3;

const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
const ids = (count: number) => Array.from({ length: count }, (_, i) => i.toString(16).padStart(24, '0'));

/** Bodies of `POST message` (and read, sync, group), each too much in its own way. */
function bombs(conversationId: string): Record<string, { path: string; body: string }> {
  const message = (field: string) => ({
    path: '/api/chat/message',
    body: `{"conversationId":"${conversationId}","text":"x",${field}}`,
  });
  const media = { url: 'https://example.com/a.png', type: 'image' };
  return {
    'lists 5,000 deep': message(`"media":${nested('[', ']', 5_000)}`),
    'objects 5,000 deep': message(`"media":${nested('{"a":', '}', 5_000)}`),
    'lists 100,000 deep': message(`"x":${nested('[', ']', 100_000)}`),
    '1,000 attachments': message(`"media":${JSON.stringify(Array(1_000).fill(media))}`),
    '120,000 numbers for attachments': message(`"media":[${Array(120_000).fill(1).join()}]`),
    '80,000 empty objects for attachments': message(`"media":[${Array(80_000).fill('{}').join()}]`),
    '22,000 bad cursors': {
      path: '/api/chat/sync',
      body: `{"cursors":{${Array.from({ length: 22_000 }, (_, i) => `"${i}":1`).join()}}}`,
    },
    '9,000 ids': { path: '/api/chat/messages/read', body: JSON.stringify({ conversationId, messageIds: ids(9_000) }) },
    '100,000 ids': {
      path: '/api/chat/messages/read',
      body: JSON.stringify({ conversationId, messageIds: ids(100_000) }),
    },
    '6,000 cursors': {
      path: '/api/chat/sync',
      body: JSON.stringify({ cursors: Object.fromEntries(ids(6_000).map((id) => [id, '0.0.0'])) }),
    },
    '50,000 members': {
      path: '/api/chat/conversations',
      body: JSON.stringify({ participants: Array.from({ length: 50_000 }, (_, i) => `u${i}`).slice(0, 25_000) }),
    },
    '20,000 unknown fields': message(
      ids(9_000)
        .map((id) => `"${id}":1`)
        .join(),
    ),
    '250 KB of text': message(`"text":"${'x'.repeat(250_000)}"`),
    '10 MB of text': message(`"text":"${'x'.repeat(10_000_000)}"`),
    'a number of 200,000 digits': message(`"x":${'9'.repeat(200_000)}`),
    'a text for a slow pattern': message(
      `"clientMessageId":"${'a'.repeat(100)}\\u0000","replyTo":"${'0'.repeat(200_000)}"`,
    ),
    'URLs for a slow pattern': message(`"media":[{"type":"image","url":"https://${'a'.repeat(240_000)}"}]`),
  };
}

export const bombsRow: AbuseRow = {
  id: 35,
  name: 'bombs',
  injection:
    'nesting to 100,000 levels, 100,000 ids, 1,000 attachments, 10 MB of text and others, over REST and over a socket',
  bar: '4xx; process up; loop lag at most 100 ms',
  async run(trial) {
    const { rig } = trial;
    const findings = new Findings();
    const ann = rig.person('ann');
    const conversationId = await ann.converse(rig.person('bob'));
    const [api, gateway] = [rig.split.api[0], rig.split.gateway[0]] as [
      ServiceProcess,
      ServiceProcess & { id: string },
    ];
    const idle = { api: await idleLag(api), gateway: await idleLag(gateway) };
    const worst = { api: 0, gateway: 0 };
    for (const [name, bomb] of Object.entries(bombs(conversationId))) {
      const onRest = await lagOf(api, async () => {
        const answer = await post(api, ann.token, bomb);
        // A body that is far too large may be refused before all of it is read.
        const refused =
          (answer.status >= 400 && answer.status < 500) || (answer.status === 0 && bomb.body.length > 1e6);
        findings.check(refused, `REST, ${name}: ${answer.status} ${answer.text.slice(0, 60)}`);
      });
      const onSocket = await lagOf(gateway, () => throwAtSocket(trial, ann, name, bomb.body, findings));
      worst.api = Math.max(worst.api, onRest);
      worst.gateway = Math.max(worst.gateway, onSocket);
      findings.check(onRest <= LAG_MS, `api, ${name}: lag of ${duration(onRest)}`);
      findings.check(onSocket <= LAG_MS, `gateway, ${name}: lag of ${duration(onSocket)}`);
    }
    findings.check(rig.fallen().length === 0, `${rig.fallen().join()} fell`);
    const figure = `${findings.checks} checks; loop lag at most ${duration(worst.api)} (api; idle ${duration(idle.api)}) and ${duration(worst.gateway)} (gateway; idle ${duration(idle.gateway)})`;
    return { injected: Object.keys(bombs('')).length * 2, figure, problems: findings.problems };
  },
};

/** Whether the machine is too busy just now is not the question. */
async function post(api: ServiceProcess, token: string, bomb: { path: string; body: string }): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await postOnce(api, token, bomb);
    if (!answer.text.includes('"OVERLOADED"') || attempt === 20) return answer;
    await sleep(500);
  }
}

const postOnce = (
  api: ServiceProcess,
  token: string,
  { path, body }: { path: string; body: string },
): Promise<Answer> =>
  ask({
    method: 'POST',
    url: `${api.url}${path}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
  });

async function idleLag(service: ServiceProcess): Promise<number> {
  await worstLagMs(service);
  await sleep(1_000);
  return worstLagMs(service);
}

/** @returns the least of the worst delays of several tries, milliseconds */
async function lagOf(service: ServiceProcess, attack: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    await worstLagMs(service);
    await attack();
    least = Math.min(least, await worstLagMs(service));
    if (least <= LAG_MS) break;
  }
  return least;
}

/** As the text of one packet: no client library comes between. The socket is refused the event, or cut. */
async function throwAtSocket(
  { rig }: Trial,
  ann: Person,
  name: string,
  body: string,
  findings: Findings,
): Promise<void> {
  const device = await ann.connect({ url: rig.system.gateways[0] });
  const answer = Promise.race([
    answered(device),
    device.ended().then(() => 'cut'),
    sleep(5_000).then(() => 'no answer'),
  ]);
  engineOf(device).write(`42["send:message",${body}]`);
  const what = await answer;
  findings.check(what === 'cut' || what === 'VALIDATION_FAILED' || what === 'OVERLOADED', `socket, ${name}: ${what}`);
  device.socket.close();
}

const answered = (device: Device): Promise<string> =>
  new Promise((resolve) => device.socket.once('error', ({ code }: { code: string }) => resolve(code)));

/** The message of one Engine.IO packet of type 4, as text. */
const engineOf = (device: Device) => ({
  write: (text: string) => (device.socket.io.engine as unknown as { send(text: string): void }).send(text.slice(1)),
});

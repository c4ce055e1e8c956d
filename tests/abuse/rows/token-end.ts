import { setTimeout as sleep } from 'node:timers/promises';
import type { Device, Person } from '../../e2e/person.ts';
import { duration } from '../../faults/figures.ts';
import { ask, codeOf } from '../ask.ts';
import type { AbuseRig } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';

const CUT_MS = 5_000;
/** A client that is cut may still have events on their way to it. */
const NEVER = Number.POSITIVE_INFINITY;

export const tokenEnds: AbuseRow = {
  id: 31,
  name: 'token expires or is revoked while connected',
  injection:
    '2 s tokens, revocation of a user and of one token; sockets on both gateways while messages come; REST on both apis',
  bar: 'cut within 5 s; no event after',
  async run({ rig, quick }) {
    const findings = new Findings();
    const rounds = quick ? 1 : 5;
    const worst = { expiry: 0, user: 0, token: 0, elsewhere: 0 };
    for (let round = 0; round < rounds; round++) {
      worst.expiry = Math.max(worst.expiry, await expires(rig, findings));
      const revoked = await revokes(rig, findings);
      worst.user = Math.max(worst.user, revoked.socketsMs);
      worst.elsewhere = Math.max(worst.elsewhere, revoked.elsewhereMs);
      worst.token = Math.max(worst.token, await revokesOne(rig, findings));
    }
    const figure = `cut ${duration(worst.expiry)} after expiry, ${duration(worst.user)} after a user’s and ${duration(worst.token)} after one token’s revocation; REST at once on the api that took it, after ${duration(worst.elsewhere)} on the other`;
    return { injected: rounds * 3, figure, problems: findings.problems };
  },
};

/** @returns milliseconds from the end of the token to that of the later socket */
async function expires(rig: AbuseRig, findings: Findings): Promise<number> {
  const end = Math.floor(Date.now() / 1_000) + 2;
  const { victim, other, conversationId } = await pair(rig, { exp: end });
  const devices = [
    await victim.connect({ url: rig.system.gateways[0] }),
    await victim.connect({ url: rig.system.gateways[1], transport: 'polling' }),
  ];
  const traffic = talk(other, conversationId);
  const cuts = await Promise.all(devices.map((device) => whenCut(device, end * 1_000)));
  await quietAfter(devices, findings, 'expired');
  await traffic.stop();
  for (const device of devices)
    findings.check(endCode(device) === 'TOKEN_EXPIRED', `told ${endCode(device)} at expiry`);
  const rest = await read(rig.system.apis[0], victim.token);
  findings.check(codeOf(rest) === 'TOKEN_EXPIRED', `REST with an expired token: ${codeOf(rest)}`);
  findings.check(Math.max(...cuts) <= CUT_MS, `an expired socket lasted ${duration(Math.max(...cuts))}`);
  return Math.max(...cuts);
}

/** @returns how long the sockets lasted, and how long the other api went on taking the token, milliseconds */
async function revokes(rig: AbuseRig, findings: Findings) {
  // The same token all the way: one that is issued after the revocation is good.
  const { victim, other, conversationId } = await pair(rig, { iat: Math.floor(Date.now() / 1_000) });
  const { token } = victim;
  const devices = [
    await victim.connect({ url: rig.system.gateways[0] }),
    await victim.connect({ url: rig.system.gateways[1], transport: 'polling' }),
  ];
  const traffic = talk(other, conversationId);
  await revoke(rig, { userId: victim.id });
  const revokedAt = Date.now();
  const here = await read(rig.system.apis[0], token);
  findings.check(codeOf(here) === 'TOKEN_REVOKED', `REST just after the revocation: ${codeOf(here)}`);
  const elsewhereMs = await untilRefused(rig.system.apis[1], token, revokedAt);
  const cuts = await Promise.all(devices.map((device) => whenCut(device, revokedAt)));
  await quietAfter(devices, findings, 'revoked');
  await traffic.stop();
  for (const device of devices)
    findings.check(endCode(device) === 'TOKEN_REVOKED', `told ${endCode(device)} at revocation`);
  for (const url of rig.system.gateways) {
    const refused = await victim.connect({ url }).then(
      () => 'let in',
      (error: Error & { data?: { code: string } }) => error.data?.code,
    );
    findings.check(refused === 'TOKEN_REVOKED', `a new socket with a revoked token: ${refused}`);
  }
  const later = rig.token(victim.id, { iat: Math.floor(Date.now() / 1_000) + 2 });
  const fresh = await read(rig.system.apis[1], later);
  findings.check(fresh.status === 200, `a token issued after the revocation: ${fresh.status}`);
  const socketsMs = Math.max(...cuts);
  findings.check(socketsMs <= CUT_MS, `a revoked socket lasted ${duration(socketsMs)}`);
  findings.check(elsewhereMs <= CUT_MS, `another api took a revoked token for ${duration(elsewhereMs)}`);
  return { socketsMs, elsewhereMs };
}

async function revokesOne(rig: AbuseRig, findings: Findings): Promise<number> {
  const victim = rig.person('victim', { jti: `lost-${Math.random()}` });
  const spared = rig.person('spared');
  const lost = await victim.connect({ url: rig.system.gateways[1] });
  const kept = await spared.connect({ url: rig.system.gateways[1] });
  const { jti } = JSON.parse(Buffer.from(victim.token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  await revoke(rig, { tokenId: jti });
  const cutMs = await whenCut(lost, Date.now());
  findings.check(cutMs <= CUT_MS, `a socket with a revoked token id lasted ${duration(cutMs)}`);
  findings.check(kept.socket.connected, 'a socket with another token was cut too');
  const other = await read(rig.system.apis[0], rig.token(victim.id));
  findings.check(other.status === 200, `another token of the same user: ${other.status}`);
  spared.leave();
  return cutMs;
}

async function pair(rig: AbuseRig, claims: Record<string, unknown> = {}) {
  const [victim, other] = [rig.person('victim', claims), rig.person('other')];
  return { victim, other, conversationId: await other.converse(victim) };
}

/** Somebody who goes on sending, within their limit. */
function talk(sender: Person, conversationId: string) {
  let running = true;
  const loop = (async () => {
    for (let count = 0; running && count < 28; count++) {
      await sender.call('POST', '/api/chat/message', { conversationId, text: `message ${count}` });
      await sleep(150);
    }
  })();
  return {
    async stop() {
      running = false;
      await loop;
    },
  };
}

async function whenCut(device: Device, since: number): Promise<number> {
  const cut = device.ended().then(() => Date.now());
  const late = sleep(CUT_MS * 2).then(() => NEVER);
  return Math.max(0, (await Promise.race([cut, late])) - since);
}

/** No event reaches who was cut, however long they wait. */
async function quietAfter(devices: Device[], findings: Findings, why: string): Promise<void> {
  const before = devices.map(({ received }) => received.length);
  await sleep(700);
  devices.forEach(({ received }, index) => {
    findings.check(received.length === before[index], `an event came after the socket was ${why}`);
    const last = received.at(-1)?.event;
    findings.check(last === 'session:end', `the last event of a socket that was ${why} is ${last}`);
  });
}

const endCode = (device: Device): string => device.all('session:end')[0]?.code ?? 'nothing';

const read = (base: string, token: string) =>
  ask({ url: `${base}/api/chat/unread-count`, headers: { authorization: `Bearer ${token}` } });

async function untilRefused(base: string, token: string, since: number): Promise<number> {
  for (;;) {
    const answer = await read(base, token);
    const ms = Date.now() - since;
    if (answer.status === 401) return ms;
    if (ms > CUT_MS * 2) return NEVER;
  }
}

async function revoke(rig: AbuseRig, body: object): Promise<void> {
  const answer = await ask({
    method: 'POST',
    url: `${rig.system.apis[0]}/api/chat/admin/revocations`,
    headers: {
      authorization: `Bearer ${rig.token('admin', { scope: 'chat:admin' })}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(`not revoked: ${answer.status} ${answer.text}`);
}

import { Agent, request } from 'node:http';
import type { Device, Person } from '../../e2e/person.ts';
import { ask, codeOf } from '../ask.ts';
import type { AbuseRig } from '../rig.ts';
import { type AbuseRow, Findings, type Trial } from '../row.ts';

/** The product's own limits: what the services were started with. */
const LIMITS = { messages: 30, conversations: 10, sockets: 20, requests: 6_000, eventsPerSecond: 40, eventBurst: 120 };
const HANDSHAKES = { perSecond: 200, burst: 400 };
const FACTOR = 1.1;
/** No proxy of ours: what it says in X-Forwarded-For is not believed. */
const ATTACKER = '127.0.0.2';

export const evasion: AbuseRow = {
  id: 36,
  name: 'limit evasion',
  injection: 'X-Forwarded-For of all kinds, 200 sockets, REST and sockets mixed, both apis and both gateways at once',
  bar: 'at most 1.1 x the limit per user',
  async run(trial) {
    const findings = new Findings();
    const results = [
      await messages(trial),
      await conversations(trial),
      await sockets(trial),
      await events(trial),
      await requests(trial),
      await handshakes(trial),
    ];
    for (const { what, accepted, limit, tried } of results) {
      findings.check(accepted <= limit * FACTOR, `${accepted} ${what} of at most ${limit}`);
      // An attack that never met the limit proves nothing.
      findings.check(tried > limit * FACTOR, `only ${tried} ${what} were tried`);
      findings.check(accepted >= limit * 0.5, `only ${accepted} ${what} of ${limit} were let through`);
    }
    const figure = results
      .map(({ what, accepted, limit, tried }) => `${accepted} of ${limit} ${what} (${tried} tried)`)
      .join('; ');
    return { injected: results.reduce((sum, { tried }) => sum + tried, 0), figure, problems: findings.problems };
  },
};

interface Result {
  what: string;
  accepted: number;
  limit: number;
  tried: number;
}

const forwarded = (i: number): Record<string, string> => ({
  'x-forwarded-for':
    [`203.0.113.${i % 250}`, `2001:db8:${i.toString(16)}::1`, `::ffff:10.0.0.${i % 250}, 127.0.0.1`][i % 3] ?? '',
  'x-real-ip': `198.51.100.${i % 250}`,
  forwarded: `for=192.0.2.${i % 250}`,
});

async function messages({ rig }: Trial): Promise<Result> {
  const [ann, bob] = [rig.person('ann'), rig.person('bob')];
  const conversationId = await ann.converse(bob);
  const devices = await Promise.all(rig.system.gateways.map((url) => ann.connect({ url })));
  const tried = 200;
  const outcomes = await Promise.all(
    Array.from({ length: tried }, async (_, i) => {
      const body = { conversationId, text: `m${i}`, clientMessageId: `c${i}` };
      if (i % 2) return (await (devices[(i >> 1) % 2] as Device).emit('send:message', body)).success;
      const reply = await ask({
        method: 'POST',
        url: `${rig.system.apis[(i >> 1) % 2]}/api/chat/message`,
        headers: { authorization: `Bearer ${ann.token}`, 'content-type': 'application/json', ...forwarded(i) },
        body: JSON.stringify(body),
        from: ATTACKER,
      });
      return reply.status === 201;
    }),
  );
  ann.leave();
  return { what: 'messages a minute', accepted: outcomes.filter(Boolean).length, limit: LIMITS.messages, tried };
}

async function conversations({ rig }: Trial): Promise<Result> {
  const ann = rig.person('ann');
  const tried = 60;
  const outcomes = await Promise.all(
    Array.from({ length: tried }, async (_, i) => {
      const base = rig.system.apis[i % 2];
      const group = i % 3 === 0;
      const answer = await ask({
        method: group ? 'POST' : 'GET',
        url: group ? `${base}/api/chat/conversations` : `${base}/api/chat/conversation/${rig.person('x').id}`,
        headers: {
          authorization: `Bearer ${ann.token}`,
          ...(group && { 'content-type': 'application/json' }),
          ...forwarded(i),
        },
        ...(group && { body: JSON.stringify({ participants: [`y${i}`] }) }),
        from: ATTACKER,
      });
      return answer.status < 300;
    }),
  );
  return {
    what: 'new conversations an hour',
    accepted: outcomes.filter(Boolean).length,
    limit: LIMITS.conversations,
    tried,
  };
}

async function sockets({ rig, quick }: Trial): Promise<Result> {
  const ann = rig.person('ann');
  const tried = quick ? 100 : 200;
  let most = 0;
  // Twice: whoever was refused tries again.
  for (let round = 0; round < 2; round++) {
    const opened = await Promise.all(Array.from({ length: tried / 2 }, (_, i) => opens(rig, ann, i)));
    most += opened.filter(Boolean).length;
  }
  ann.leave();
  return { what: 'sockets', accepted: most, limit: LIMITS.sockets, tried };
}

const opens = (rig: AbuseRig, ann: Person, i: number): Promise<boolean> =>
  ann.connect({ url: rig.system.gateways[i % 2], transport: i % 4 === 3 ? 'polling' : 'websocket' }).then(
    () => true,
    () => false,
  );

async function events({ rig, quick }: Trial): Promise<Result> {
  const [ann, bob] = [rig.person('ann'), rig.person('bob')];
  const conversationId = await ann.converse(bob);
  const devices = await Promise.all([0, 1, 0, 1, 0, 1].map((i) => ann.connect({ url: rig.system.gateways[i] })));
  const seconds = quick ? 8 : 20;
  const end = performance.now() + seconds * 1_000;
  const names = ['typing:start', 'typing:stop', 'join:conversation', 'leave:conversation'] as const;
  let [accepted, tried] = [0, 0];
  const startedAt = performance.now();
  await Promise.all(
    devices.map(async ({ socket }, index) => {
      for (let i = index; performance.now() < end; i++) {
        tried += 1;
        const ack = await socket.timeout(8_000).emitWithAck(names[i % 4] as string, { conversationId });
        if (ack.success) accepted += 1;
        // More would get the socket cut.
        else await new Promise((resolve) => setTimeout(resolve, 40));
      }
    }),
  );
  const limit = Math.round(LIMITS.eventBurst + (LIMITS.eventsPerSecond * (performance.now() - startedAt)) / 1_000);
  ann.leave();
  return { what: `events in ${seconds} s`, accepted, limit, tried };
}

async function requests({ rig }: Trial): Promise<Result> {
  // Of so many users that none of them comes near the limit of a user.
  const people = Array.from({ length: 12 }, (_, i) => rig.person(`crowd-${i}`));
  const tried = Math.round(LIMITS.requests * 1.2);
  let [accepted, next] = [0, 0];
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (next < tried) {
        const i = next++;
        const answer = await ask({
          url: `${rig.system.apis[i % 2]}/api/chat/media/config`,
          headers: { authorization: `Bearer ${i % 3 ? people[i % people.length]?.token : 'guess'}`, ...forwarded(i) },
          from: ATTACKER,
        });
        if (codeOf(answer) !== 'RATE_LIMITED') accepted += 1;
      }
    }),
  );
  // A window that ended meanwhile has room for as many again.
  const minutes = Math.ceil((performance.now() - startedAt) / 60_000);
  return { what: `requests of an address in ${minutes} min`, accepted, limit: LIMITS.requests * minutes, tried };
}

/** Handshakes of one address on one gateway: polling ones, which cost the attacker least. */
async function handshakes({ rig }: Trial): Promise<Result> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, localAddress: ATTACKER });
  const tried = 3_000;
  let [accepted, next] = [0, 0];
  const startedAt = performance.now();
  const open = (i: number): Promise<number> =>
    new Promise((resolve) => {
      const url = `${rig.system.gateways[0]}/socket.io/?EIO=4&transport=polling`;
      const call = request(url, { agent, headers: forwarded(i) }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      call.on('error', () => resolve(0));
      call.end();
    });
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < tried) if ((await open(next++)) === 200) accepted += 1;
    }),
  );
  agent.destroy();
  const limit = Math.round(HANDSHAKES.burst + (HANDSHAKES.perSecond * (performance.now() - startedAt)) / 1_000);
  return { what: 'handshakes of an address', accepted, limit, tried };
}

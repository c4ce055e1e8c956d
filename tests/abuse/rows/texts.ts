import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../ask.ts';
import { type AbuseRow, Findings } from '../row.ts';

/** Stands in every text, so that a log that has any of it is found. */
const CANARY = 'canary-of-the-abuse-suite';

const ROUND_TRIPS = [
  'right to left \u202e txt.exe',
  'isolated \u2066\u2067\u2069',
  'zero\u200bwidth\u200d\u2060\ufeff',
  'line\r\nend\u2028\u2029\u0085',
  'tab\tbell\u0007escape\u001b[2J\u009b31m',
  'combining z\u0351\u036b\u0343',
  '👨‍👩‍👧‍👦 🏳️‍🌈',
  '\ufffe\uffff\u{10ffff}',
  '<script>alert(1)</script>',
  '{"$ne":null}',
  '$where',
  '__proto__',
  '$' + '{7*7}{{7*7}}',
  "'; DROP TABLE messages; --",
  '%00%0d%0a',
  '\\u0000',
  ' leading and trailing ',
];
const REFUSED_TEXTS = ['nul \0 inside', '\ud800', 'lone \udfff low'];

const refusedUrls = (port: number) => [
  ...[
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'ftp://example.com/a',
    '//example.com/a',
    'https://u:p@example.com/a',
  ],
  ...[
    `http://127.0.0.1:${port}/a`,
    `https://127.0.0.1:${port}/a`,
    `https://localhost:${port}/a`,
    `https://127.1:${port}/a`,
  ],
  ...[
    `https://2130706433:${port}/a`,
    `https://0x7f000001:${port}/a`,
    `https://0177.0.0.1:${port}/a`,
    `https://127.0.0.1.:${port}/a`,
  ],
  ...[
    `https://[::1]:${port}/a`,
    `https://[::ffff:127.0.0.1]:${port}/a`,
    `https://[::ffff:7f00:1]:${port}/a`,
    `https://１２７.0.0.1:${port}/a`,
  ],
  ...[
    'https://169.254.169.254/latest/meta-data/',
    'https://[fe80::1]/a',
    'https://10.0.0.1/a',
    'https://172.16.0.1/a',
    'https://192.168.0.1/a',
  ],
  ...[
    'https://[fd00::1]/a',
    'https://metadata.google.internal/a',
    'https://redis:6379/a',
    'https://printer.local/a',
    'https://x.localhost/a',
  ],
  ...[
    'https://example.com/a\r\nX: y',
    'https://example.com/\0',
    'https://exa mple.com/',
    `https://example.com/${'a'.repeat(2_048)}`,
  ],
];

export const texts: AbuseRow = {
  id: 38,
  name: 'text and URLs',
  injection:
    'NUL, direction marks, zero width, line ends, half surrogates, markup; URLs of other schemes and of private hosts; hostile headers',
  bar: 'round-trips or 400; one log line; no token logged; nothing fetched',
  async run({ rig }) {
    const findings = new Findings();
    const trap = await startTrap();
    const [ann, bob] = [rig.person('ann'), rig.person('bob')];
    const conversationId = await ann.converse(bob);
    const device = await bob.connect();
    const send = (body: object) => ann.call('POST', '/api/chat/message', { conversationId, ...body });
    for (const text of ROUND_TRIPS) {
      const reply = await send({ text: `${CANARY} ${text}`, clientMessageId: `c${ROUND_TRIPS.indexOf(text)}` });
      const pushed = await device.event('new:message', ({ message }) => message._id === reply.body.data?._id);
      findings.check(
        reply.body.data?.text === `${CANARY} ${text}` && pushed.message.text === `${CANARY} ${text}`,
        `does not round-trip: ${JSON.stringify(text)}`,
      );
    }
    const history = await bob.history(conversationId, '?limit=100');
    const stored = history.data.map((message: { text: string }) => message.text);
    findings.check(
      JSON.stringify(stored) === JSON.stringify(ROUND_TRIPS.map((text) => `${CANARY} ${text}`)),
      'history has other texts',
    );
    for (const text of REFUSED_TEXTS) {
      findings.check((await send({ text: `${CANARY} ${text}` })).status === 400, `taken: ${JSON.stringify(text)}`);
    }
    const urls = refusedUrls(trap.port);
    const admin = {
      authorization: `Bearer ${rig.token('admin', { scope: 'chat:admin' })}`,
      'content-type': 'application/json',
    };
    const spare = rig.person('spare');
    const own = await spare.converse(rig.person('other'));
    const spareDevice = await spare.connect();
    for (const url of urls) {
      const ack = await spareDevice.emit('send:message', { conversationId: own, media: [{ url, type: 'image' }] });
      // The limit of messages counts what is refused, too.
      const refused = ack.error?.code === 'VALIDATION_FAILED' || ack.error?.code === 'RATE_LIMITED';
      findings.check(refused, `taken as media: ${url.slice(0, 60)}`);
      const path = `/api/chat/users/${encodeURIComponent(bob.id)}`;
      const image = await ask({
        method: 'PUT',
        url: `${rig.system.apis[0]}${path}`,
        headers: admin,
        body: JSON.stringify({ profileImage: url }),
      });
      const fine = image.status === 400 || (image.status === 200 && /^https:\/\/example\.com\//.test(url));
      findings.check(fine, `taken as a profile picture: ${url.slice(0, 60)} ${image.status}`);
    }
    await hostileHeaders(rig.system.apis[0], ann.token);
    const rejected = await hostileTokens(rig.system.apis[0]);
    await sleep(500);
    const lines = rig.logLines();
    checkLogs(lines, [ann.token, bob.token, ...rejected], findings);
    findings.check(trap.hits() === 0, `${trap.hits()} requests came to the host that media named`);
    for (const person of [ann, bob, spare]) person.leave();
    await trap.close();
    const figure = `${ROUND_TRIPS.length} texts round-trip over REST, socket and history; ${REFUSED_TEXTS.length + urls.length * 2} refused; ${lines.length} log lines of one object each, without text, token or control characters; 0 fetched`;
    return {
      injected: ROUND_TRIPS.length + REFUSED_TEXTS.length + urls.length * 2,
      figure,
      problems: findings.problems,
    };
  },
};

/** A host that nobody may be made to call. */
async function startTrap() {
  let hits = 0;
  const server = createServer((_request, response) => {
    hits += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hits: () => hits,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function hostileHeaders(base: string, token: string): Promise<void> {
  const values = ['\u001b[2J', `x".${CANARY}`, '{"level":"fatal"}', '\u0085\u009b'];
  for (const value of values) {
    const latin = Buffer.from(value, 'utf8')
      .toString('latin1')
      .replaceAll(/[\r\n\0]/g, '')
      .replaceAll('\u001b', '');
    const headers = {
      authorization: `Bearer ${token}`,
      'x-trace-id': latin,
      'user-agent': latin,
      'idempotency-key': latin,
    };
    await ask({ method: 'POST', url: `${base}/api/chat/message?token=${CANARY}`, headers, body: `{"text":"${CANARY}` });
    await ask({ url: `${base}/api/chat/${encodeURIComponent(value)}?token=${token}`, headers });
  }
}

/** @returns what was sent as tokens */
async function hostileTokens(base: string): Promise<string[]> {
  const tokens = [
    `${CANARY}.a.b`,
    `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(`{"sub":"${CANARY}"}`).toString('base64url')}.c`,
  ];
  for (const token of tokens)
    await ask({ url: `${base}/api/chat/conversations`, headers: { authorization: `Bearer ${token}` } });
  return tokens;
}

/** Control characters, line separators, and marks that turn the direction of text. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

function checkLogs(lines: { service: string; line: string }[], tokens: string[], findings: Findings): void {
  for (const { service, line } of lines) {
    findings.check(isOneObject(line), `${service}: no JSON object in one line: ${line.slice(0, 100)}`);
    findings.check(!UNSAFE.test(line), `${service}: control characters: ${JSON.stringify(line.slice(0, 100))}`);
    findings.check(!line.includes(CANARY), `${service}: text of a user: ${line.slice(0, 200)}`);
    findings.check(!tokens.some((token) => line.includes(token)), `${service}: a token: ${line.slice(0, 100)}`);
  }
}

function isOneObject(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

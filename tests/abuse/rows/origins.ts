import { rawWebSocket } from '@confab/testkit/attacks';
import { ask } from '../ask.ts';
import { CLIENT_ORIGIN } from '../rig.ts';
import { type AbuseRow, Findings } from '../row.ts';

const FOREIGN = [
  ...[
    'http://evil.example',
    'https://localhost:3000',
    'http://localhost:3001',
    'http://localhost',
    'http://localhost:3000.evil.example',
  ],
  ...[
    'http://evil.example/http://localhost:3000',
    'http://localhost:3000@evil.example',
    'http://sub.localhost:3000',
    'null',
    'file://',
  ],
  ...['http://LOCALHOST:3000.', ' http://localhost:3000x', '*', ''],
];

export const origins: AbuseRow = {
  id: 37,
  name: 'foreign Origin',
  injection: 'handshakes with foreign, similar and malformed origins on both gateways; cross-origin reads of the api',
  bar: '403 for websocket and polling',
  async run({ rig }) {
    const findings = new Findings();
    const { gateway } = rig.split;
    for (const { url, port } of gateway) {
      for (const origin of FOREIGN) {
        const polling = await ask({ url: `${url}/socket.io/?EIO=4&transport=polling`, headers: { origin } });
        findings.check(polling.status === 403, `polling from ${origin}: ${polling.status}`);
        const upgrade = await upgradeStatus(port, origin);
        findings.check(upgrade === 403, `websocket from ${origin}: ${upgrade}`);
      }
      const own = await ask({ url: `${url}/socket.io/?EIO=4&transport=polling`, headers: { origin: CLIENT_ORIGIN } });
      findings.check(own.status === 200, `polling from our own origin: ${own.status}`);
      findings.check(
        own.headers['access-control-allow-origin'] === CLIENT_ORIGIN,
        'our own origin may not read the answer',
      );
      const upgrade = await upgradeStatus(port, CLIENT_ORIGIN);
      findings.check(upgrade === 101, `websocket from our own origin: ${upgrade}`);
      // A session that was begun without an Origin is not taken over from a foreign page.
      const sid = /"sid":"([^"]+)"/.exec((await ask({ url: `${url}/socket.io/?EIO=4&transport=polling` })).text)?.[1];
      const taken = await ask({
        url: `${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`,
        headers: { origin: FOREIGN[0] ?? '' },
      });
      findings.check(taken.status === 403, `a foreign origin goes on with a session: ${taken.status}`);
    }
    for (const origin of FOREIGN) {
      const preflight = await ask({
        method: 'OPTIONS',
        url: `${rig.system.apis[0]}/api/chat/conversations`,
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
      });
      const allowed = preflight.headers['access-control-allow-origin'];
      findings.check(allowed !== origin && allowed !== '*', `the api lets ${origin} read: ${allowed}`);
    }
    const figure = `${FOREIGN.length} origins on ${gateway.length} gateways: 403 on both transports; the api lets none of them read`;
    return { injected: FOREIGN.length * (gateway.length * 2 + 1), figure, problems: findings.problems };
  },
};

async function upgradeStatus(port: number, origin: string): Promise<number> {
  const socket = await rawWebSocket({ port, headers: { Origin: origin } });
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(socket.answer)?.[1] ?? 0);
  socket.destroy();
  return status;
}

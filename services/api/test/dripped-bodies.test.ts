import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '@confab/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { type BuiltApi, build, tokenOf } from './build.ts';

/* Requests whose body comes slowly, or never. */

const SEND = '/api/chat/message';

interface DrippedApi extends BuiltApi {
  conversationId: string;
  /** Sends the head of a request and the first byte of its body. */
  drip(): Promise<ClientRequest>;
}

async function buildForDrips(options: Parameters<typeof build>[0]): Promise<DrippedApi> {
  const chat = await build(options);
  const conversationId = await chat.open('alice', 'bob');
  const url = await chat.listen();
  const begun: ServerResponse[] = [];
  chat.api.app.server.on('request', (_request, response) => begun.push(response));
  const headers = { authorization: `Bearer ${tokenOf('mallory')}`, 'content-type': 'application/json' };
  const drip = async (): Promise<ClientRequest> => {
    const count = begun.length;
    const dripping = request(`${url}${SEND}`, { method: 'POST', headers, agent: false });
    onTestFinished(() => void dripping.destroy());
    dripping.on('error', () => {}).write('{');
    await eventually(() => expect(begun).toHaveLength(count + 1));
    await turn();
    // On a busy machine the api may rightly refuse for a moment.
    return begun[count]?.headersSent ? drip() : dripping;
  };
  return { ...chat, conversationId, drip };
}

async function codeOf(sending: ClientRequest): Promise<[number | undefined, string]> {
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  const { error } = JSON.parse(Buffer.concat(await response.toArray()).toString());
  return [response.statusCode, error.code];
}

test('bodies that are dripped leave the api to everybody else', async () => {
  const { call, conversationId, drip } = await buildForDrips({ env: { MAX_IN_FLIGHT: '5' } });
  for (let i = 0; i < 5; i++) await drip();
  expect((await call('GET', '/api/chat/unread-count')).status).toBe(200);
  expect((await call('POST', SEND, { body: { conversationId, text: 'hello' } })).status).toBe(201);
});

test('where as many bodies are awaited as may be, the one that is awaited the longest gives way', async () => {
  // 64 MiB of bodies: four of 16
  const env = { BODY_LIMIT: String(16 * 1024 ** 2) };
  const { call, conversationId, drip } = await buildForDrips({ env });
  const first = await drip();
  const refused = codeOf(first);
  const ended = once(first, 'close');
  const others = [await drip(), await drip(), await drip()];
  expect((await call('POST', SEND, { body: { conversationId, text: 'hello' } })).status).toBe(201);
  expect(await refused).toEqual([503, 'OVERLOADED']);
  await ended;
  for (const other of others) expect(other.destroyed).toBe(false);
});

test('a body that is there while the api works on all it may is refused', async () => {
  const gate = Promise.withResolvers<void>();
  onTestFinished(() => gate.resolve());
  let reached = 0;
  const atStep = async (step: string) => {
    if (step !== 'message-stored') return;
    reached++;
    await gate.promise;
  };
  const { call, conversationId, drip } = await buildForDrips({
    env: { MAX_IN_FLIGHT: '1' },
    deps: () => ({ atStep }),
  });
  const dripping = await drip();
  const working = call('POST', SEND, { body: { conversationId, text: 'hello' } });
  await eventually(() => expect(reached).toBe(1));
  dripping.end('}');
  expect(await codeOf(dripping)).toEqual([503, 'OVERLOADED']);
  gate.resolve();
  expect((await working).status).toBe(201);
});

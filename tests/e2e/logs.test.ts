import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, startSplitSystem, tempDir, testMongo, testRedis } from '@confab/testkit';
import { expect, test } from 'vitest';
import { Person } from './person.ts';
import { JWT_SECRET, type System, tokenOf } from './system.ts';

test('one trace id follows a message through all services, and no log has a token, a text or a bare control character', async () => {
  const [mongo, redis, logs] = await Promise.all([testMongo(), testRedis(), tempDir('logs')]);
  const split = await startSplitSystem({
    ...{ api: 1, gateway: 2, receipts: 1, jwtSecret: JWT_SECRET },
    ...{ mongodbUrl: mongo.url, redisUrl: redis.url, database: mongo.dbName() },
    env: { LOG_LEVEL: 'debug' },
    logs: logs.path,
  });
  const [first, second] = split.gateway.map((gateway) => gateway.url);
  const system = { url: split.edge.url, token: tokenOf } as unknown as System;
  const [alice, bob] = [new Person(system, 'alice'), new Person(system, 'bob\u202Eevil')];
  const read = async () => {
    const files = await readdir(logs.path);
    const texts = await Promise.all(
      files.map(async (file) => [file, await readFile(join(logs.path, file), 'utf8')] as const),
    );
    return new Map(texts);
  };
  try {
    const conversationId = await alice.converse(bob);
    const [a] = await Promise.all([alice.connect({ url: first }), bob.connect({ url: second })]);
    const sent = await a.emit('send:message', { conversationId, text: 'a secret that no log may have\u001b[31m' });
    await a.event('message:delivered', (e) => e.messageId === sent.data.messageId);
    await alice.call('POST', '/api/chat/message', { conversationId, text: 'and this secret', media: 'refused' });

    const services = await eventually(async () => {
      const lines = [...(await read())].flatMap(([file, text]) =>
        text
          .split('\n')
          .filter((line) => line.includes(sent.data.messageId))
          .map((line) => ({ file, ...(JSON.parse(line) as { traceId: string }) })),
      );
      const stored = lines.find((line) => line.file === 'api-0.log');
      const following = new Set(lines.filter((line) => line.traceId === stored?.traceId).map((line) => line.file));
      expect([...following].sort()).toEqual(['api-0.log', 'gateway-0.log', 'gateway-1.log', 'receipts-0.log']);
      return following;
    });
    expect(services.size).toBe(4);
    for (const [file, text] of await read()) {
      for (const secret of ['secret that no log', 'and this secret', alice.token.slice(-20), JWT_SECRET]) {
        expect(text.includes(secret), `${file} has ${secret}`).toBe(false);
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  } finally {
    for (const person of [alice, bob]) person.leave();
    await split.stop();
    await redis.stop();
    await logs.remove();
  }
});

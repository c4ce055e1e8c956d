import { ChatError } from '@confab/contracts';
import { createLogger } from '@confab/service-kit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { build } from './build.ts';

test('while the bus is away, messages are taken, and the log gets at most ten lines a second of it', async () => {
  const lines: string[] = [];
  const publish = () => Promise.reject(new ChatError('UNAVAILABLE', { retryAfter: 1 }));
  const { call, open } = await build({
    deps: ({ bus }) => ({
      logger: createLogger({ name: 'api', destination: { write: (line: string) => void lines.push(line) } }),
      bus: { ...bus.api, publisher: { publish } },
    }),
  });
  const conversationId = await open('alice', 'bob');
  // Everything happens within one second by the clock, however slow the machine is.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5_000 });
  onTestFinished(() => void vi.useRealTimers());
  for (let n = 0; n < 15; n++) {
    const { status } = await call('POST', '/api/chat/message', { body: { conversationId, text: `message ${n}` } });
    expect(status).toBe(201);
  }
  expect(lines.filter((line) => line.includes('message stored but not published'))).toHaveLength(10);
});

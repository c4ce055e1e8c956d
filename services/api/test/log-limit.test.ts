import { ChatError } from '@confab/contracts';
import { createLogger } from '@confab/service-kit';
import { eventually } from '@confab/testkit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { build } from './build.ts';

test('while the bus is away, messages are taken, and the log gets at most ten lines a second of it', async () => {
  // Everything happens within one second by the clock, however slow the machine is.
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const lines: string[] = [];
  const publish = () => Promise.reject(new ChatError('UNAVAILABLE', { retryAfter: 1 }));
  const { call, open } = await build({
    deps: ({ bus }) => ({
      logger: createLogger({ name: 'api', destination: { write: (line: string) => void lines.push(line) } }),
      bus: { ...bus.api, publisher: { publish } },
    }),
  });
  const conversationId = await open('alice', 'bob');
  const send = (n: number) =>
    call('POST', '/api/chat/message', { body: { conversationId, text: `message ${n}`, clientMessageId: `${n}` } });
  // A machine that is busy with other tests may refuse some as overloaded: those are sent again.
  for (let n = 0; n < 15; n++) await eventually(async () => expect((await send(n)).status).toBe(201), 15_000);
  const about = lines.filter((line) => line.includes('message stored but not published')).length;
  expect(about).toBeGreaterThan(0);
  expect(about).toBeLessThanOrEqual(10);
});

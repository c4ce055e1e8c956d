import { describe, expect, it } from 'vitest';
import { ConfabError } from './error.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { CONVERSATION, message } from './testing/records.ts';

const item = (id: string, conversationId = CONVERSATION): OutboxItem => ({
  clientMessageId: id,
  conversationId,
  text: id,
  media: [],
  messageType: 'text',
  replyTo: null,
  createdAt: '2024-01-01T00:00:00.000Z',
  state: 'queued',
});

function setUp(answer: (item: OutboxItem) => Promise<unknown> | unknown) {
  const environment = new ManualEnvironment();
  const sent: string[] = [];
  const stored: string[] = [];
  let seq = 0;
  const outbox = new Outbox(environment, {
    send: async (sending) => {
      sent.push(sending.clientMessageId);
      await answer(sending);
      return message(++seq, 'ana', { clientMessageId: sending.clientMessageId });
    },
    stored: (saved) => stored.push(saved.clientMessageId ?? ''),
    changed: () => undefined,
    failed: () => undefined,
    limited: () => undefined,
  });
  return { environment, outbox, sent, stored };
}

describe('outbox', () => {
  it('keeps messages while there is no connection, then sends them in order', async () => {
    const { environment, outbox, sent, stored } = setUp(() => undefined);
    for (const id of ['a', 'b', 'c']) outbox.add(item(id));
    await environment.advance(60_000);
    expect(sent).toEqual([]);
    outbox.open();
    await environment.advance(0);
    expect(stored).toEqual(['a', 'b', 'c']);
    expect(outbox.of(CONVERSATION)).toEqual([]);
  });

  it('retries an unknown result as the same message, before the next one', async () => {
    let tries = 0;
    const { environment, outbox, sent } = setUp(() => {
      if (++tries === 1) throw new ConfabError('NO_ANSWER', 'lost');
    });
    outbox.open();
    outbox.add(item('a'));
    outbox.add(item('b'));
    await environment.advance(1_000);
    expect(sent).toEqual(['a', 'a', 'b']);
  });

  it('waits as long as the rate limit says, without counting it as a failed try', async () => {
    let limited = true;
    const { environment, outbox, sent, stored } = setUp(() => {
      if (limited) throw new ConfabError('RATE_LIMITED', 'slow down', { retryAfter: 30 });
    });
    outbox.open();
    outbox.add(item('a'));
    outbox.add(item('b', 'd'.repeat(24)));
    await environment.advance(29_000);
    expect(sent.length).toBeLessThanOrEqual(2);
    expect(outbox.limitedUntil).toBeGreaterThan(environment.now());
    limited = false;
    await environment.advance(2_000);
    expect(stored.toSorted()).toEqual(['a', 'b']);
  });

  it('asks the user after a refusal for good, and goes on with the next', async () => {
    const { environment, outbox, stored } = setUp((sending) => {
      if (sending.text === 'a') throw new ConfabError('FORBIDDEN', 'no');
    });
    outbox.open();
    outbox.add(item('a'));
    outbox.add(item('b'));
    await environment.advance(0);
    expect(stored).toEqual(['b']);
    expect(outbox.of(CONVERSATION)).toMatchObject([
      { clientMessageId: 'a', state: 'failed', error: { code: 'FORBIDDEN' } },
    ]);
  });

  it('gives up after half a minute of failures, and a retry begins anew', async () => {
    let down = true;
    const { environment, outbox, sent, stored } = setUp(() => {
      if (down) throw new ConfabError('UNAVAILABLE', 'down');
    });
    outbox.open();
    outbox.add(item('a'));
    await environment.advance(60_000);
    expect(outbox.of(CONVERSATION)).toMatchObject([{ state: 'failed' }]);
    expect(new Set(sent)).toEqual(new Set(['a']));
    down = false;
    outbox.retry('a');
    await environment.advance(0);
    expect(stored).toEqual(['a']);
  });

  it('does not count tries that the end of the connection ended', async () => {
    const { environment, outbox, sent } = setUp(() => {
      outbox.close();
      throw new ConfabError('NO_ANSWER', 'lost');
    });
    outbox.add(item('a'));
    for (let round = 0; round < 20; round++) {
      outbox.open();
      await environment.advance(100);
    }
    expect(sent.length).toBe(20);
    expect(outbox.of(CONVERSATION)).toMatchObject([{ state: 'queued' }]);
  });

  it('forgets a message that is confirmed another way while the ack is on its way', async () => {
    const { environment, outbox, sent } = setUp(() => {
      outbox.confirm('a');
      throw new ConfabError('NO_ANSWER', 'ack lost');
    });
    outbox.open();
    outbox.add(item('a'));
    await environment.advance(60_000);
    expect(sent).toEqual(['a']);
    expect(outbox.of(CONVERSATION)).toEqual([]);
  });

  it('takes up what an earlier run left', async () => {
    const environment = new ManualEnvironment();
    const saved: OutboxItem[][] = [];
    const sent: string[] = [];
    const events = {
      send: async (sending: OutboxItem) => {
        sent.push(sending.clientMessageId);
        return message(1, 'ana');
      },
      stored: () => undefined,
      changed: () => undefined,
      failed: () => undefined,
      limited: () => undefined,
    };
    const storage = {
      load: async () => [{ ...item('old'), state: 'sending' as const }],
      save: (items: OutboxItem[]) => void saved.push(items),
    };
    const outbox = new Outbox(environment, events, storage);
    outbox.open();
    await outbox.restore();
    await environment.advance(0);
    expect(sent).toEqual(['old']);
    expect(saved.at(-1)).toEqual([]);
  });
});

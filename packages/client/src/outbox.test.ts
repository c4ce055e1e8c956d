import type { Message } from '@confab/contracts';
import { describe, expect, it } from 'vitest';
import { ConfabError } from './error.ts';
import { Outbox, type OutboxItem, type OutboxStorage } from './outbox.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { CONVERSATION, outboxItem as item, message } from './testing/records.ts';

function setUp(answer: (item: OutboxItem) => Promise<unknown> | unknown, storage?: OutboxStorage) {
  const environment = new ManualEnvironment();
  const sent: string[] = [];
  const stored: string[] = [];
  const failures: string[] = [];
  let seq = 0;
  const events = {
    send: async (sending: OutboxItem) => {
      sent.push(sending.clientMessageId);
      await answer(sending);
      return message(++seq, 'ana', { clientMessageId: sending.clientMessageId });
    },
    stored: (saved: Message) => stored.push(saved.clientMessageId ?? ''),
    changed: () => undefined,
    failed: () => undefined,
    limited: () => undefined,
    storageFailed: (doing: string, cause: unknown) => failures.push(`${doing}: ${(cause as Error).message}`),
  };
  const outbox = new Outbox(environment, events, storage);
  return { environment, outbox, sent, stored, failures };
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
});

describe('outbox with a storage', () => {
  /** Keeps what is saved, as ids and states; `load` gives what the test says, when it says so. */
  function storage(left: OutboxItem[] = []) {
    const saved: string[][] = [];
    let give: () => void = () => undefined;
    const given = new Promise<OutboxItem[]>((resolve) => {
      give = () => resolve(left);
    });
    const save = (items: OutboxItem[]) => void saved.push(items.map((kept) => kept.clientMessageId));
    return { saved, give: () => give(), load: () => given, save };
  }

  it('takes up what an earlier run left', async () => {
    const kept = storage([{ ...item('old'), state: 'sending' }]);
    const { environment, outbox, sent } = setUp(() => undefined, kept);
    kept.give();
    outbox.open();
    await outbox.restore();
    await environment.advance(0);
    expect(sent).toEqual(['old']);
    expect(kept.saved.at(-1)).toEqual([]);
  });

  it('overwrites nothing with a message that is written before it is opened, and keeps that too', async () => {
    const kept = storage([item('old')]);
    const { environment, outbox } = setUp(() => undefined, kept);
    kept.give();
    outbox.add(item('new'));
    await environment.advance(0);
    expect(kept.saved).toEqual([['old', 'new']]);
  });

  it('saves nothing while it loads, and all of it once it has', async () => {
    const kept = storage([item('old')]);
    const { environment, outbox, stored } = setUp(() => undefined, kept);
    void outbox.restore();
    outbox.add(item('new'));
    await environment.advance(0);
    expect(kept.saved).toEqual([]);
    kept.give();
    await outbox.restore();
    expect(kept.saved).toEqual([['old', 'new']]);
    outbox.open();
    await environment.advance(0);
    expect([stored, kept.saved.at(-1)]).toEqual([['old', 'new'], []]);
  });

  it('has a message once that was written again while it loaded', async () => {
    const kept = storage([item('a')]);
    const { outbox } = setUp(() => undefined, kept);
    const restored = outbox.restore();
    outbox.add(item('a'));
    kept.give();
    await restored;
    expect(outbox.of(CONVERSATION)).toHaveLength(1);
  });

  const full = () => {
    throw new Error('quota exceeded');
  };
  for (const [how, save] of [
    ['throws', full],
    ['rejects', async () => full()],
  ] as const) {
    it(`sends all the same, and says so, where saving ${how}`, async () => {
      const { environment, outbox, stored, failures } = setUp(() => undefined, { load: () => [], save });
      outbox.open();
      outbox.add(item('a'));
      await environment.advance(0);
      expect([stored, outbox.of(CONVERSATION)]).toEqual([['a'], []]);
      expect(new Set(failures)).toEqual(new Set(['save: quota exceeded']));
    });
  }

  const broken = () => {
    throw new SyntaxError('not JSON');
  };
  for (const [how, load] of [
    ['throws', broken],
    ['rejects', async () => broken()],
    ['gives no messages', () => [null] as never],
  ] as const) {
    it(`goes on, and says so, where loading ${how}`, async () => {
      const saved: number[] = [];
      const { environment, outbox, stored, failures } = setUp(() => undefined, {
        ...{ load, save: (items) => void saved.push(items.length) },
      });
      outbox.open();
      await outbox.restore();
      expect([failures.length, saved]).toEqual([1, []]);
      outbox.add(item('a'));
      await environment.advance(0);
      expect([stored, saved.at(-1)]).toEqual([['a'], 0]);
    });
  }
});

import { expect, it } from 'vitest';
import { outboxItem as item } from './testing/records.ts';
import { webStorageOutbox } from './web-storage-outbox.ts';

/** Tabs that share a storage. */
function setUp(text?: string) {
  const data = new Map<string, string>(text === undefined ? [] : [['key', text]]);
  const storage = {
    getItem: (key: string) => data.get(key) ?? null,
    setItem: (key: string, value: string) => void data.set(key, value),
  };
  const tab = () => webStorageOutbox(storage, 'key');
  const kept = async () => (await tab().load()).map((left) => left.clientMessageId);
  return { storage, tab, kept };
}

it('keeps the messages of every tab', async () => {
  const { tab, kept } = setUp();
  const [a, b] = [tab(), tab()];
  for (const each of [a, b]) await each.load();
  await a.save([item('a1')]);
  await b.save([item('b1')]);
  await a.save([item('a1'), item('a2')]);
  expect(await kept()).toEqual(['b1', 'a1', 'a2']);
});

it('lets go of what a tab has sent, its own or left by an earlier run, and of nothing else', async () => {
  const { tab, kept } = setUp(JSON.stringify([item('left')]));
  const [a, b] = [tab(), tab()];
  await a.load();
  await b.save([item('b1')]);
  await a.save([item('left'), item('a1')]);
  await a.save([item('a1')]);
  await a.save([]);
  expect(await kept()).toEqual(['b1']);
});

it('still lets go of a message whose removal could not be saved at first', async () => {
  const { storage, tab, kept } = setUp();
  const a = tab();
  await a.save([item('a1')]);
  const { setItem } = storage;
  storage.setItem = () => {
    throw new Error('quota exceeded');
  };
  expect(() => a.save([])).toThrow('quota');
  storage.setItem = setItem;
  await a.save([]);
  expect(await kept()).toEqual([]);
});

it('says that it cannot read what is no JSON, and replaces it', async () => {
  const { tab, kept } = setUp('[{');
  const a = tab();
  expect(() => a.load()).toThrow(SyntaxError);
  await a.save([item('a1')]);
  expect(await kept()).toEqual(['a1']);
});

it('passes over what is no message', async () => {
  const { tab, kept } = setUp(JSON.stringify([null, 7, item('a1'), {}]));
  expect(await kept()).toEqual(['a1']);
  await tab().save([item('b1')]);
  expect(await kept()).toEqual(['a1', 'b1']);
});

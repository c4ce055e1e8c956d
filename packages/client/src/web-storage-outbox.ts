import type { OutboxItem, OutboxStorage } from './outbox.ts';

type WebStorage = Pick<Storage, 'getItem' | 'setItem'>;

const idsOf = (items: readonly OutboxItem[]) => new Set(items.map((item) => item.clientMessageId));

/**
 * Keeps unsent messages in localStorage or sessionStorage, so that they survive a reload. Tabs may share a key: each leaves alone what it
 * never held.
 * @param key one per user: another user's messages must not go out in this one's name
 */
export function webStorageOutbox(storage: WebStorage, key: string): OutboxStorage {
  // What was held here when it was last loaded or saved: the rest of what is stored is another tab's.
  let held = new Set<string>();
  const read = (): OutboxItem[] => {
    const items: unknown = JSON.parse(storage.getItem(key) ?? '[]');
    return Array.isArray(items) ? items.filter((item) => typeof item?.clientMessageId === 'string') : [];
  };
  const notIn = (ids: ReadonlySet<string>): OutboxItem[] => {
    try {
      return read().filter(({ clientMessageId: id }) => !held.has(id) && !ids.has(id));
    } catch {
      // What cannot be read can never be sent: it is replaced.
      return [];
    }
  };
  return {
    load: () => {
      const items = read();
      held = idsOf(items);
      return items;
    },
    save: (items) => {
      const ids = idsOf(items);
      storage.setItem(key, JSON.stringify([...notIn(ids), ...items]));
      held = ids;
    },
  };
}

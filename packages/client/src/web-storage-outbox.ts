import type { OutboxItem, OutboxStorage } from './outbox.ts';

type WebStorage = Pick<Storage, 'getItem' | 'setItem'>;

/**
 * Keeps unsent messages in localStorage or sessionStorage, so that they survive a reload.
 * @param key one per user: another user's messages must not go out in this one's name
 */
export function webStorageOutbox(storage: WebStorage, key: string): OutboxStorage {
  return {
    load: () => {
      const items: unknown = JSON.parse(storage.getItem(key) ?? '[]');
      return Array.isArray(items) ? (items as OutboxItem[]) : [];
    },
    save: (items) => storage.setItem(key, JSON.stringify(items)),
  };
}

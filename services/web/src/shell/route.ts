import { useSyncExternalStore } from 'react';

const PATTERN = /^#\/c\/([0-9a-f]{24})$/;

/** The conversation that the address names, so that "back" and reloading do what people expect. */
export function useConversationRoute(): string | undefined {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return PATTERN.exec(hash)?.[1];
}

export function showConversation(id: string | undefined): void {
  location.hash = id === undefined ? '#/' : `#/c/${id}`;
}

function subscribe(told: () => void): () => void {
  addEventListener('hashchange', told);
  return () => removeEventListener('hashchange', told);
}

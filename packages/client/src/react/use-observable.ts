import { useCallback, useSyncExternalStore } from 'react';
import type { Observable } from '../observable.ts';

/** The value of an observable, kept current. */
export function useObservable<T>(observable: Observable<T>): T {
  const subscribe = useCallback((told: () => void) => observable.subscribe(told), [observable]);
  const get = useCallback(() => observable.get(), [observable]);
  return useSyncExternalStore(subscribe, get, get);
}

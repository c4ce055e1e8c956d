import { type RefObject, useEffect, useState } from 'react';
import type { TimelineItem } from './timeline-items.ts';
import type { VirtualRows } from './use-virtual-rows.ts';

/** Milliseconds between two looks at what can be seen. Source: twice as often as reads are told to the server. */
const PAUSE = 250;

/**
 * Marks as read what the person can see, while they can: the page is in front.
 * @param seen is set to what is to be called when something else may be seen
 */
export function useReading(
  items: readonly TimelineItem[],
  rows: VirtualRows,
  markRead: (messageId: string) => void,
  seen: RefObject<() => void>,
): void {
  const visible = usePageVisible();
  const { lastVisible } = rows;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const mark = () => {
      timer = undefined;
      const message = lowestMessage(items, lastVisible());
      if (message) markRead(message);
    };
    seen.current = () => {
      if (visible) timer ??= setTimeout(mark, PAUSE);
    };
    seen.current();
    return () => clearTimeout(timer);
  }, [items, lastVisible, markRead, visible, seen]);
}

/** Id of the lowest stored message at or above a line. */
function lowestMessage(items: readonly TimelineItem[], from: number): string | undefined {
  for (let index = Math.min(from, items.length - 1); index >= 0; index--) {
    const item = items[index];
    if (item?.kind === 'message' && item.message.id !== undefined) return item.message.id;
  }
  return undefined;
}

function usePageVisible(): boolean {
  const [visible, setVisible] = useState(() => document.visibilityState === 'visible');
  useEffect(() => {
    const changed = () => setVisible(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  }, []);
  return visible;
}

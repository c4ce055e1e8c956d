import { useEffect, useState } from 'react';
import type { TimelineItem } from './timeline-items.ts';

/** Marks as read what the person can see, while they can: the page is in front. */
export function useReading(
  items: readonly TimelineItem[],
  lastVisible: number,
  markRead: (messageId: string) => void,
): void {
  const visible = usePageVisible();
  useEffect(() => {
    if (!visible) return;
    for (let index = Math.min(lastVisible, items.length - 1); index >= 0; index--) {
      const item = items[index];
      if (item?.kind !== 'message' || item.message.id === undefined) continue;
      markRead(item.message.id);
      return;
    }
  }, [items, lastVisible, markRead, visible]);
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

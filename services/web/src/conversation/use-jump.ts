import type { ChatMessage } from '@confab/client/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { TimelineItem } from './timeline-items.ts';

/** Milliseconds that the message jumped to is marked. */
const FLASH = 1_600;

/** Goes to a message, however old, and marks it for a moment. */
export function useJump(
  items: readonly TimelineItem[],
  loadThrough: (seq: number) => Promise<boolean>,
  scrollTo: (key: string, place: number) => boolean,
): { flashed: string | undefined; jump: (target: ChatMessage) => Promise<void> } {
  const [flashed, setFlashed] = useState<string>();
  const wanted = useRef<string | undefined>(undefined);

  const jump = useCallback(
    async (target: ChatMessage) => {
      if (target.seq === undefined || !(await loadThrough(target.seq))) return;
      wanted.current = target.key;
      setFlashed(target.key);
    },
    [loadThrough],
  );
  useEffect(() => {
    if (wanted.current !== undefined && scrollTo(wanted.current, 0.4)) wanted.current = undefined;
  }, [items, flashed, scrollTo]);
  useEffect(() => {
    if (flashed === undefined) return;
    const timer = setTimeout(() => setFlashed(undefined), FLASH);
    return () => clearTimeout(timer);
  }, [flashed]);
  return { flashed, jump };
}

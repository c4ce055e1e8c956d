import type { KeyboardEvent } from 'react';
import type { TimelineItem } from './timeline-items.ts';
import type { VirtualRows } from './use-virtual-rows.ts';

/** In the list, the arrow keys go from message to message, Home and End to the first and last one; Enter opens the message's menu. */
export function useFeedKeys(
  rows: VirtualRows,
  items: readonly TimelineItem[],
): (event: KeyboardEvent<HTMLElement>) => void {
  const focusMessage = (index: number) => {
    const item = items[index];
    if (!item) return;
    const find = () => rows.inner.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(item.key)}"]`);
    const shown = find();
    if (shown) {
      shown.focus({ preventScroll: true });
      shown.scrollIntoView({ block: 'nearest' });
      return;
    }
    rows.scrollTo(item.key, 0.3);
    requestAnimationFrame(() => find()?.focus({ preventScroll: true }));
  };
  return (event) => {
    const target = event.target as HTMLElement;
    const row = target.closest<HTMLElement>('.message-row');
    // Keys inside of a message's own controls are theirs.
    if (target !== row && target !== event.currentTarget) return;
    if (event.key === 'Enter' && row) {
      row.querySelector<HTMLElement>('.message-more')?.click();
      event.preventDefault();
      return;
    }
    const from = row ? items.findIndex((item) => item.key === row.dataset.key) : rows.lastVisible() + 1;
    const to = destination(event.key, from, items);
    if (to === undefined) return;
    event.preventDefault();
    focusMessage(to);
  };
}

function destination(key: string, from: number, items: readonly TimelineItem[]): number | undefined {
  const step = key === 'ArrowUp' ? -1 : key === 'ArrowDown' ? 1 : 0;
  if (step === 0 && key !== 'Home' && key !== 'End') return undefined;
  let index = key === 'Home' ? 0 : key === 'End' ? items.length - 1 : from + step;
  const towards = key === 'Home' ? 1 : key === 'End' ? -1 : step;
  while (items[index] && items[index]?.kind !== 'message') index += towards;
  return items[index] ? index : undefined;
}

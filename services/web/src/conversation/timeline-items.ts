import type { ChatMessage } from '@confab/client/react';
import { dayName, dayNumber } from '../shell/dates.ts';

/** One line of the list. Keys stay, whatever is added around a line. */
export type TimelineItem =
  | { kind: 'day'; key: string; label: string }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; message: ChatMessage; startsGroup: boolean; endsGroup: boolean };

/** Messages of one sender within this many milliseconds stand together. */
const GROUP = 5 * 60_000;

interface Times {
  at: number;
  day: number;
}
const times = new WeakMap<ChatMessage, Times>();

// Ten thousand dates are too slow to read again for every message that arrives.
function timesOf(message: ChatMessage): Times {
  let known = times.get(message);
  if (!known) {
    const date = new Date(message.createdAt);
    known = { at: date.getTime(), day: dayNumber(date) };
    times.set(message, known);
  }
  return known;
}

/** @param firstNew the first message that was unread when the conversation was opened */
export function timelineItems(messages: readonly ChatMessage[], firstNew: string | undefined): TimelineItem[] {
  const items: TimelineItem[] = [];
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    const newDay = !before || timesOf(before).day !== timesOf(message).day;
    if (newDay) items.push({ kind: 'day', key: `day:${timesOf(message).day}`, label: dayName(message.createdAt) });
    const isFirstNew = firstNew !== undefined && message.id === firstNew;
    if (isFirstNew) items.push({ kind: 'new', key: 'new' });
    const after = messages[index + 1];
    const startsGroup = newDay || isFirstNew || !together(before, message);
    const endsGroup = !after || !together(message, after) || timesOf(after).day !== timesOf(message).day;
    items.push({ kind: 'message', key: message.key, message, startsGroup, endsGroup });
  });
  return items;
}

function together(a: ChatMessage | undefined, b: ChatMessage): boolean {
  return a !== undefined && a.sender._id === b.sender._id && timesOf(b).at - timesOf(a).at < GROUP;
}

/** Pixels that a line is about to take, until it was measured. @param width of the list */
export function estimateHeight(item: TimelineItem, width: number): number {
  if (item.kind !== 'message') return 44;
  const { message, startsGroup } = item;
  const perLine = Math.max(20, Math.floor(Math.min(width * 0.78, 560) / 7.4));
  const text = message.deleted ? 'deleted' : (message.text ?? '');
  const lines =
    text === '' ? 0 : text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / perLine)), 0);
  const media = message.deleted ? 0 : message.media.length * 196;
  return 16 + lines * 21 + media + (message.replyTo ? 52 : 0) + (startsGroup ? 10 : 0);
}

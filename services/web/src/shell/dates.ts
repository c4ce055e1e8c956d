const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDate = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

const DAY = 86_400_000;

/** Days since 1970 by the clock on the wall here. */
export function dayNumber(date: Date): number {
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY);
}

export const timeOf = (iso: string): string => time.format(new Date(iso));

export const fullTimeOf = (iso: string): string => full.format(new Date(iso));

/** "Today", "Yesterday", "Tuesday", or the date. */
export function dayName(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const age = dayNumber(now) - dayNumber(date);
  if (age === 0) return 'Today';
  if (age === 1) return 'Yesterday';
  return age > 1 && age < 7 ? weekday.format(date) : longDate.format(date);
}

/** The shortest that says when: the time today, the weekday this week, else the date. */
export function shortWhen(iso: string, now = new Date()): string {
  const date = new Date(iso);
  const age = dayNumber(now) - dayNumber(date);
  if (age <= 0) return time.format(date);
  if (age === 1) return 'Yesterday';
  return age < 7 ? weekday.format(date).slice(0, 3) : shortDate.format(date);
}

/** "Last seen ..." of a time in milliseconds. */
export function lastSeenText(lastSeen: number | null, now = new Date()): string {
  if (lastSeen === null) return 'Offline';
  const iso = new Date(lastSeen).toISOString();
  const age = dayNumber(now) - dayNumber(new Date(lastSeen));
  if (age <= 0) return `Last seen at ${timeOf(iso)}`;
  return age === 1 ? `Last seen yesterday at ${timeOf(iso)}` : `Last seen ${shortDate.format(new Date(lastSeen))}`;
}

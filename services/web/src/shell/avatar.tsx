import { usePresence } from '@confab/client/react';

/** Hues that white letters can be read on, in both themes. The name picks one: the same person has the same colour everywhere. */
const HUES = 8;

export function Avatar({
  id,
  name,
  size = 'medium',
}: {
  id: string;
  name: string;
  size?: 'small' | 'medium' | 'large';
}) {
  return (
    <span className={`avatar avatar-${size} hue-${hueOf(id)}`} aria-hidden="true">
      {initialsOf(name)}
    </span>
  );
}

/** An avatar with the presence of its user. */
export function PresenceAvatar(props: { id: string; name: string; size?: 'small' | 'medium' | 'large' }) {
  const { online } = usePresence(props.id);
  return (
    <span className="presence-avatar">
      <Avatar {...props} />
      {online && <span className="presence-dot" title="Online" />}
    </span>
  );
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? '')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toLocaleUpperCase();
}

function hueOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}

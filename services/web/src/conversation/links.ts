export type TextPart = { kind: 'text'; text: string } | { kind: 'link'; text: string; href: string };

// No control, direction or zero-width characters inside an address: they can make one address look like another.
const STOPS = '\\s<>"\'`\\p{Cc}\\p{Cf}';
const CANDIDATE = new RegExp(`(?:https?://|www\\.)[^${STOPS}]+`, 'giu');
const ASCII = /^[\x21-\x7e]+$/;

/** A text cut into plain parts and links. Only http and https become links, and none that carries a user name. */
export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const found = trimmed(match[0]);
    const href = addressOf(found);
    if (href === undefined) continue;
    if (match.index > at) parts.push({ kind: 'text', text: text.slice(at, match.index) });
    // Other scripts have letters that look like Latin ones: such an address is shown the way the browser resolves it.
    parts.push({ kind: 'link', text: ASCII.test(found) ? found : href, href });
    at = match.index + found.length;
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
  return parts;
}

/** The address of a candidate, if it is one that may be opened. */
function addressOf(candidate: string): string | undefined {
  const url = URL.parse(/^www\./i.test(candidate) ? `https://${candidate}` : candidate);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return undefined;
  // https://bank.example@evil.example goes to evil.example, and does not look like it.
  return url.username || url.password || !url.hostname.includes('.') ? localhostOnly(url) : url.href;
}

function localhostOnly(url: URL): string | undefined {
  return url.hostname === 'localhost' && !url.username && !url.password ? url.href : undefined;
}

/** Punctuation after an address belongs to the sentence; a closing bracket too, unless the address opened it. */
function trimmed(candidate: string): string {
  let end = candidate.replace(/[.,;:!?…*_~]+$/, '');
  while (end.endsWith(')') && end.split('(').length < end.split(')').length)
    end = end.slice(0, -1).replace(/[.,;:!?]+$/, '');
  return end;
}

/** Whether media may be loaded from this address. */
export function isMediaAddress(address: string): boolean {
  const url = URL.parse(address, location.href);
  return url !== null && ['http:', 'https:', 'blob:'].includes(url.protocol);
}

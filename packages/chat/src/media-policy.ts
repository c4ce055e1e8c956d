import { ChatError, httpUrlProblem, type MediaKind, publicUrlProblem } from '@confab/contracts';
import type { MediaInspector, MediaMeter, MediaStorage } from './ports/media.ts';

/** What a deployment takes. */
export interface MediaPolicy {
  /** Bytes of one file, by kind. */
  maxBytes: Record<MediaKind, number>;
  /** Content types that are taken, by kind, in lower case. */
  types: Record<MediaKind, readonly string[]>;
  ticketsPerMinute: number;
  /** Tickets, and bytes that they are for, of one user in 24 hours. */
  dailyFiles: number;
  dailyBytes: number;
  /** Bytes that one user may have stored. */
  userBytes: number;
  /** Seconds that a ticket, and a link, is good for. */
  ticketSeconds: number;
  linkSeconds: number;
  /** Hours after which an upload that no message names is removed. */
  unusedHours: number;
}

/** All that the domain needs for uploads; absent where the deployment takes none. */
export interface MediaParts {
  storage: MediaStorage;
  inspector: MediaInspector;
  policy: MediaPolicy;
  /** Nothing is counted if absent. */
  meter?: MediaMeter | undefined;
}

/** Media that is elsewhere: https URLs that a message names as they are. */
export interface ExternalMediaPolicy {
  allowed: boolean;
  /** Exact host names; empty: any. */
  hosts: readonly string[];
}

/** The kind that a content type is shown as. */
export function kindOf(contentType: string): MediaKind {
  const family = contentType.slice(0, contentType.indexOf('/'));
  return family === 'image' || family === 'video' || family === 'audio' ? family : 'file';
}

/** Lower case, without parameters. */
export const plainType = (contentType: string): string => (contentType.split(';')[0] ?? '').trim().toLowerCase();

/** @throws ChatError MEDIA_TYPE_NOT_ALLOWED, MEDIA_TOO_LARGE */
export function checkAgainstPolicy(policy: MediaPolicy, contentType: string, size: number): MediaKind {
  const kind = kindOf(contentType);
  if (!policy.types[kind].includes(contentType)) {
    const reason = `${contentType} is not among the types that are taken`;
    throw new ChatError('MEDIA_TYPE_NOT_ALLOWED', { field: 'contentType', reason });
  }
  const most = policy.maxBytes[kind];
  if (size > most) {
    throw new ChatError('MEDIA_TOO_LARGE', { field: 'size', reason: `${kind} files have at most ${most} bytes` });
  }
  return kind;
}

/** @throws ChatError VALIDATION_FAILED if messages here may not name this URL */
export function checkExternal(policy: ExternalMediaPolicy | undefined, url: string, field: string): void {
  const refuse = (reason: string) => new ChatError('VALIDATION_FAILED', { field, reason });
  if (policy?.allowed === false) throw refuse('media must be uploaded here: name it by its mediaId');
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:') throw refuse('is not an https URL');
  // A host that the operator named may be anywhere, in their own network too.
  const hosts = policy?.hosts ?? [];
  if (hosts.length > 0 && !hosts.includes(parsed.hostname)) throw refuse('is on a host that is not allowed');
  const problem = hosts.length > 0 ? httpUrlProblem(url) : publicUrlProblem(url);
  if (problem !== undefined) throw refuse(problem);
}

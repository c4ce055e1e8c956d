import type { ErrorCode, MediaKind, UploadTicket } from '@confab/contracts';

/*
 * Ports to where the bytes of media are. An upload goes to a place of its own ("incoming"), which its ticket may write; only what was checked
 * there is made permanent, in a place that no ticket ever writes. So bytes that were checked cannot be exchanged afterwards.
 */

/** What a storage needs to know of an upload. */
export interface MediaFile {
  id: string;
  kind: MediaKind;
  /** Without parameters. */
  contentType: string;
  filename: string;
  /** Bytes, exactly. */
  size: number;
}

/** Bytes that can be read more than once, and in parts. */
export interface MediaSource {
  size: number;
  /** Tells these bytes from others at the same place. */
  version: string;
  /** Bytes `start` to `end`, the last one included; fewer at the end of the file. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** All bytes, in pieces; ending early releases what is open. */
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * Guarantees of every provider:
 * - a ticket writes at most `size` bytes (Cloudinary: found by the check afterwards) of its own upload, until it expires, and nothing else;
 * - what `accept` made permanent is what `uploaded` showed (same `version`), and no ticket changes it any more;
 * - a link reads one file with its own type and name, until it expires; no link, no bytes;
 * - `remove` and `discard` may be repeated, and succeed where there is nothing; after them no link reads the bytes.
 * Each call throws ChatError UNAVAILABLE (with retryAfter) when the storage does not answer.
 */
export interface MediaStorage {
  readonly name: string;
  ticket(file: MediaFile, expiresAt: Date): Promise<Omit<UploadTicket, 'mediaId' | 'expiresAt'>>;
  /** What was uploaded and not accepted yet; null if nothing is there, completely. */
  uploaded(file: MediaFile): Promise<MediaSource | null>;
  /** Makes exactly that version permanent. Repeating it changes nothing. @throws ChatError CONFLICT if it is another version now */
  accept(file: MediaFile, version: string): Promise<void>;
  /** Removes what was uploaded and not accepted. */
  discard(file: MediaFile): Promise<void>;
  /** The permanent bytes; null if there are none. */
  open(file: MediaFile): Promise<MediaSource | null>;
  /** Stores the thumbnail of an accepted image (WebP). */
  putThumbnail(file: MediaFile, bytes: Uint8Array): Promise<void>;
  /** A URL that reads the file, or its thumbnail, until `expiresAt`. */
  link(file: MediaFile, part: 'original' | 'thumbnail', expiresAt: Date): Promise<string>;
  /** Removes everything of the upload: incoming, permanent, thumbnail. */
  remove(file: MediaFile): Promise<void>;
}

/** What is known of a file's content. */
export interface MediaFacts {
  /** Pixels, as shown (after the orientation that the file asks for). */
  width?: number;
  height?: number;
  /** ThumbHash, base64. */
  placeholder?: string;
  /** Seconds. */
  duration?: number;
}

export interface MediaInspector {
  /**
   * Looks at the bytes themselves.
   * @throws ChatError MEDIA_CONTENT_MISMATCH (not the type that the ticket said, or more than one), MEDIA_TOO_MANY_PIXELS
   */
  inspect(source: MediaSource, file: MediaFile): Promise<MediaFacts>;
  /** A small WebP of an image; null if this kind of image cannot be decoded here. */
  thumbnail(source: MediaSource, file: MediaFile): Promise<Uint8Array | null>;
}

/** How a check of an upload ended. */
export type UploadResult = 'accepted' | ErrorCode;

/** Is told of what becomes of media, to count it. Nothing depends on it, and it never throws. */
export interface MediaMeter {
  /** A ticket was given. */
  ticket(file: MediaFile): void;
  /** An upload was checked; once as accepted, and as often as it was refused. */
  checked(file: MediaFile, result: UploadResult): void;
  /** A link to the original or the thumbnail was signed. */
  linked(part: 'original' | 'thumbnail'): void;
  /** none: this kind of image has no thumbnail. failed: it is tried again. */
  thumbnail(result: 'made' | 'none' | 'failed'): void;
  /** Bytes were removed: of a deleted message, of a refused upload, of one that no message named in time. */
  removed(file: MediaFile, why: 'deleted' | 'refused' | 'unused'): void;
}

/**
 * pending: a ticket was given. ready: the bytes were checked and are permanent. claimed: a message is being stored with it. attached: that message
 * is stored. deleting: the bytes go. deleted: they are gone; the row stays for a day, for the daily quota and to remove what a late upload left.
 */
export type MediaState = 'pending' | 'ready' | 'claimed' | 'attached' | 'deleting' | 'deleted';

export interface StoredMedia extends MediaFile {
  ownerId: string;
  conversationId: string;
  state: MediaState;
  facts: MediaFacts;
  /** Whose it is once claimed: retries of one send have the same claim. */
  claim: string | null;
  /** Messages that were to carry it; at most one of them gets stored. */
  messageIds: string[];
  thumbnail: 'none' | 'wanted' | 'made';
  /** When the worker looks at it next; null: never. */
  dueAt: Date | null;
  thumbnailDueAt: Date | null;
  ticketExpiresAt: Date;
  createdAt: Date;
}

export interface MediaUsage {
  /** Tickets of the user since the given time, and the bytes that they were for, deleted ones too. */
  recentFiles: number;
  recentBytes: number;
  /** Bytes that the user has stored, or may still upload. */
  storedBytes: number;
}

export interface MediaClaim {
  ownerId: string;
  conversationId: string;
  claim: string;
  messageId: string;
  dueAt: Date;
}

/** Guarantees as in repositories.ts. Every change of state is one atomic step from a state that it names. */
export interface MediaRepository {
  insert(media: StoredMedia): Promise<void>;
  findById(id: string): Promise<StoredMedia | null>;
  usage(ownerId: string, since: Date): Promise<MediaUsage>;
  /** pending -> ready. @returns false if it was not pending */
  markReady(id: string, facts: MediaFacts, thumbnail: StoredMedia['thumbnail'], now: Date): Promise<boolean>;
  /** ready -> claimed; or the same claim again. @returns null if there is no such upload of this owner in this conversation, or it is used */
  claim(id: string, claim: MediaClaim): Promise<StoredMedia | null>;
  /** Takes the message off the claim; claimed by nobody else -> ready, due at `dueAt`. */
  release(id: string, claim: Pick<MediaClaim, 'claim' | 'messageId'>, dueAt: Date): Promise<void>;
  /** Everything that the message carried -> deleting, due now. */
  condemn(messageId: string, now: Date): Promise<void>;
  /** Moves it if it is still in `from`. @returns whether it was */
  move(id: string, from: MediaState, to: MediaState, dueAt: Date | null): Promise<boolean>;
  /** Rows that are due, the longest due first. */
  due(now: Date, limit: number): Promise<StoredMedia[]>;
  /** Puts the next look off, if nobody else did. @returns whether the row is the caller's until then */
  lease(media: Pick<StoredMedia, 'id' | 'state' | 'dueAt'>, until: Date): Promise<boolean>;
  dueThumbnails(now: Date, limit: number): Promise<StoredMedia[]>;
  leaseThumbnail(media: Pick<StoredMedia, 'id' | 'thumbnailDueAt'>, until: Date): Promise<boolean>;
  /** The work on the thumbnail is over. @returns the row after it, null if it is gone */
  endThumbnail(id: string, result: 'made' | 'none'): Promise<StoredMedia | null>;
  remove(id: string): Promise<void>;
}

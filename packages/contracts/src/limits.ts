/**
 * Every number of the public surface, each with where it comes from. Services take those that are marked
 * "configurable" from the environment; these are the defaults.
 */
export const limits = {
  /** Characters (Unicode code points) of a message text. Source: product limit. */
  textLength: 10_000,
  /** Media items of one message. Source: product limit. */
  mediaItems: 10,
  /** Characters of a media URL. Source: the de-facto URL limit of browsers and CDNs (2,048). */
  urlLength: 2_048,
  /** Characters of a media file name. Source: the longest name ext4 and S3 consoles show (255). */
  filenameLength: 255,
  /** Bytes that a media item may say it has. Source: the largest object S3 takes in one POST (5 GiB). */
  mediaSize: 5 * 1024 ** 3,
  /** Characters of a user id: an opaque string of the application. Source: product limit. */
  userIdLength: 128,
  /** Characters of a client message id. Source: two UUIDs and a separator fit. */
  clientMessageIdLength: 100,
  /** Ids in one `message:read` or `POST messages/read`. Source: ten pages of history. */
  readIds: 500,
  /** Participants of a group, the creator included. Source: fan-out bound of one publish. */
  groupParticipants: 1_000,
  /** Users in one bulk provisioning call. Source: profiles of 2 KB are one MongoDB bulk write of 1 MB. */
  bulkUsers: 500,
  /** Messages on one page of history. Source: the guide's default is 50; four of them is still under 3 MB. */
  pageLimit: 200,
  /** Default page of history. Source: the guide. */
  pageDefault: 50,
  /** Sends that a gateway puts into one request at most. Source: 32 short messages are 32 KB. */
  sendsAtOnce: 32,
  /** Conversations in one list reply. Source: 500 is a heavy user, doubled. */
  conversationLimit: 1_000,
  /** Conversations named in one sync call. Source: as conversationLimit. */
  syncCursors: 1_000,
  /** Messages and changes in one sync reply. Source: 500 messages of 10,000 characters stay under 16 MB. */
  syncLimit: 500,
  /** Default of the same. */
  syncDefault: 200,
  /** A client that is further behind than this in one conversation is told `reset`. Source: reading 10 pages of history is cheaper than 50 of sync. */
  syncResetDistance: 10_000,
  /** Messages per minute and user (configurable). Source: the guide. */
  messagesPerMinute: 30,
  /** New conversations per hour and user (configurable). Source: the guide. */
  conversationsPerHour: 10,
  /** Upload tickets per minute and user (configurable). Source: a message has at most 10 media items. */
  uploadsPerMinute: 10,
  /** Seconds that a signed media URL is good for (configurable). Source: long enough to play a video, short enough to forget. */
  mediaLinkSeconds: 15 * 60,
  /** Seconds that an upload ticket is good for (configurable). Source: 100 MB over 1 Mbit/s take 14 minutes. */
  mediaTicketSeconds: 15 * 60,
  /** Hours after which an upload that no message names is removed. Source: product limit. */
  mediaUnusedHours: 24,
  /** Bytes of one REST body (configurable), where its route has no larger `bodyBytes`. Source: 10,000 characters of 4 bytes, JSON-escaped, with 10 media items. */
  bodyBytes: 256 * 1024,
  /** Depth of nesting that a JSON body or event may have. Source: the deepest legal body has 4. */
  jsonDepth: 8,
} as const;

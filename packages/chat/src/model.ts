import type { MediaKind, MessageType, UserProfile } from '@confab/contracts';

/** The newest message of a conversation as the conversation keeps it. */
export interface StoredPreview {
  messageId: string;
  seq: number;
  senderId: string;
  text: string | null;
  messageType: MessageType;
  createdAt: Date;
  deletedAt: Date | null;
}

export interface StoredConversation {
  id: string;
  participants: string[];
  isGroup: boolean;
  name: string | null;
  ownerId: string | null;
  /** Number of the newest message; dense. */
  seq: number;
  /** Number of the newest change to what exists. */
  changeSeq: number;
  lastMessage: StoredPreview | null;
  lastMessageAt: Date;
  createdAt: Date;
  updatedAt: Date;
}

export interface StoredMembership {
  conversationId: string;
  userId: string;
  deliveredSeq: number;
  readSeq: number;
  /** The member sees messages above this seq only. */
  joinedSeq: number;
  /** Highest seq that the member deleted for themselves, 0 if none. */
  hiddenSeq: number;
  /** False once the member has left. */
  active: boolean;
  changeSeq: number;
  /** A change is being stamped (DESIGN, catching up). */
  changing: boolean;
}

/** Media as a message keeps it: an upload by its id with what is known of it, or a URL that the sender named. */
export interface StoredMediaItem {
  url?: string;
  mediaId?: string;
  type: MediaKind;
  filename?: string;
  size?: number;
  contentType?: string;
  width?: number;
  height?: number;
  placeholder?: string;
  duration?: number;
  /** The upload has a thumbnail. */
  thumbnail?: boolean;
}

export interface StoredMessage {
  id: string;
  conversationId: string;
  seq: number;
  changeSeq: number;
  senderId: string;
  clientMessageId: string | null;
  text: string | null;
  media: StoredMediaItem[];
  messageType: MessageType;
  replyTo: string | null;
  deletedAt: Date | null;
  deletedFor: string[];
  createdAt: Date;
  updatedAt: Date;
}

export interface StoredUser {
  id: string;
  profile: UserProfile;
  lastSeen: number | null;
}

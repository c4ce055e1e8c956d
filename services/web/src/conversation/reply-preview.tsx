import { type ChatMessage, useChat, useMessage } from '@confab/client/react';

/** What a message replies to; a click goes there. */
export function ReplyPreview({ messageId, onJump }: { messageId: string; onJump: (message: ChatMessage) => void }) {
  const message = useMessage(messageId);
  const { userId } = useChat();
  if (!message || message.deleted)
    return <p className="reply-preview reply-preview-gone">{message === undefined ? '…' : 'Deleted message'}</p>;
  return (
    <button type="button" className="reply-preview" onClick={() => onJump(message)}>
      <bdi className="reply-sender">{message.sender._id === userId ? 'You' : message.sender.name}</bdi>
      <span className="reply-text">{summaryOf(message)}</span>
    </button>
  );
}

const KINDS = { image: 'Photo', video: 'Video', audio: 'Audio', file: 'File', text: 'Message' } as const;

export function summaryOf({ text, messageType }: Pick<ChatMessage, 'text' | 'messageType'>): string {
  return text?.slice(0, 160) ?? KINDS[messageType];
}

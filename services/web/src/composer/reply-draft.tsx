import type { ChatMessage } from '@confab/client/react';
import { summaryOf } from '../conversation/reply-preview.tsx';
import { CloseIcon } from '../shell/icons.tsx';

export function ReplyDraft({ message, onCancel }: { message: ChatMessage; onCancel: () => void }) {
  return (
    <div className="reply-draft">
      <div className="reply-preview">
        <bdi className="reply-sender">Reply to {message.own ? 'yourself' : message.sender.name}</bdi>
        <span className="reply-text">{summaryOf(message)}</span>
      </div>
      <button type="button" className="icon-button icon-button-small" onClick={onCancel} aria-label="Do not reply">
        <CloseIcon size={18} />
      </button>
    </div>
  );
}

import { type ChatConversation, type ChatMessage, useMediaConfig, useSend, useTyping } from '@confab/client/react';
import { type ClipboardEvent, type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { SendIcon } from '../shell/icons.tsx';
import { AttachButton } from './attach-button.tsx';
import { AttachmentDrafts } from './attachment-drafts.tsx';
import { LimitNotice } from './limit-notice.tsx';
import { ReplyDraft } from './reply-draft.tsx';
import { useAttachments } from './use-attachments.ts';
import { useGrowingHeight } from './use-growing-height.ts';

/** Characters of a message. Source: the server's limit. */
const LONGEST = 10_000;

interface ComposerProps {
  conversation: ChatConversation;
  replyTo: ChatMessage | null;
  onReplyTo: (message: ChatMessage | null) => void;
}

export function Composer({ conversation, replyTo, onReplyTo }: ComposerProps) {
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const { send, limitedFor } = useSend(conversation.id);
  const typing = useTyping(conversation.id);
  const media = useMediaConfig();
  const attachments = useAttachments(conversation.id, media ?? null);
  useGrowingHeight(field, text);
  useEffect(() => {
    if (replyTo) field.current?.focus();
  }, [replyTo]);

  const length = [...text].length;
  const empty = text.trim() === '' && attachments.drafts.length === 0;
  const ready = !empty && length <= LONGEST && !attachments.busy;
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!ready) return;
    send({ text, media: attachments.uploaded, replyTo: replyTo?.id ?? null });
    setText('');
    attachments.clear();
    onReplyTo(null);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && replyTo) onReplyTo(null);
    // An input method uses Enter to choose a word.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event: ClipboardEvent) => {
    const files = [...event.clipboardData.files];
    if (!media || files.length === 0) return;
    event.preventDefault();
    attachments.add(files);
  };
  return (
    <form className="composer" onSubmit={submit}>
      <LimitNotice seconds={limitedFor} />
      {replyTo && <ReplyDraft message={replyTo} onCancel={() => onReplyTo(null)} />}
      <AttachmentDrafts drafts={attachments.drafts} onRemove={attachments.remove} onRetry={attachments.retry} />
      <div className="composer-line">
        {media && <AttachButton onFiles={attachments.add} />}
        <textarea
          ref={field}
          rows={1}
          className="composer-field"
          aria-label={`Message to ${conversation.title}`}
          placeholder="Write a message"
          dir="auto"
          enterKeyHint="send"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            if (event.target.value.trim()) typing.keystroke();
            else typing.stop();
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <button type="submit" className="send-button" disabled={!ready} aria-label="Send">
          <SendIcon />
        </button>
      </div>
      {length > LONGEST - 500 && (
        <p className={length > LONGEST ? 'composer-count error-text' : 'composer-count'} role="status">
          {length} of {LONGEST} characters
        </p>
      )}
    </form>
  );
}

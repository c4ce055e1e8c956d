import { type ChatMessage, useSend } from '@confab/client/react';
import { useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { summaryOf } from './reply-preview.tsx';

const WORDS = {
  me: {
    title: 'Delete this message for you?',
    text: 'It disappears from your devices. The others keep it.',
    action: 'Delete for me',
  },
  everyone: {
    title: 'Delete this message for everyone?',
    text: 'Nobody in this conversation can read it any more. This cannot be undone.',
    action: 'Delete for everyone',
  },
} as const;

interface DeleteDialogProps {
  message: ChatMessage;
  scope: 'me' | 'everyone';
  onClose: () => void;
}

export function DeleteDialog({ message, scope, onClose }: DeleteDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { remove } = useSend(message.conversationId);
  const [state, setState] = useState<'asking' | 'busy' | 'failed'>('asking');
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async () => {
    setState('busy');
    try {
      await remove(message.id as string, scope === 'everyone');
      onClose();
    } catch {
      setState('failed');
    }
  };
  const { title, text, action } = WORDS[scope];
  return createPortal(
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="delete-title"
      aria-describedby="delete-text"
      onClose={onClose}
    >
      <h2 id="delete-title">{title}</h2>
      <blockquote className="dialog-quote">{summaryOf(message)}</blockquote>
      <p id="delete-text">{text}</p>
      {state === 'failed' && (
        <p className="error-text" role="alert">
          That did not work. Check your connection and try again.
        </p>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" className="button button-danger" disabled={state === 'busy'} onClick={confirm}>
          {action}
        </button>
      </div>
    </dialog>,
    document.body,
  );
}

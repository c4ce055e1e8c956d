import { type ChatMessage, useSend } from '@confab/client/react';

/** Why a message was not sent, and what can be done. */
export function FailedNote({ message }: { message: ChatMessage }) {
  const { retry, discard } = useSend(message.conversationId);
  const { clientMessageId, error } = message;
  if (clientMessageId === undefined) return null;
  return (
    <p className="failed-note" role="alert">
      <span>Not sent{error && !error.retryable ? `: ${error.message}` : '.'}</span>{' '}
      <button type="button" className="link-button" onClick={() => retry(clientMessageId)}>
        Retry
      </button>{' '}
      <button type="button" className="link-button" onClick={() => discard(clientMessageId)}>
        Discard
      </button>
    </p>
  );
}

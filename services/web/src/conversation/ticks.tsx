import type { MessageState } from '@confab/client/react';

const NAMES: Record<MessageState, string> = {
  queued: 'Waiting to be sent',
  sending: 'Sending',
  failed: 'Not sent',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
};

/** One grey tick: sent. Two: delivered. Two blue ones: read. One element, drawn by the style sheet: there is one in every line. */
export function Ticks({ state }: { state: MessageState }) {
  return <span className="ticks" data-state={state} role="img" aria-label={NAMES[state]} title={NAMES[state]} />;
}

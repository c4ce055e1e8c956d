import type { MessageState } from '@confab/client/react';
import { ClockIcon, WarningIcon } from '../shell/icons.tsx';

const NAMES: Record<MessageState, string> = {
  queued: 'Waiting to be sent',
  sending: 'Sending',
  failed: 'Not sent',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
};

/** One grey tick: sent. Two: delivered. Two blue ones: read. */
export function Ticks({ state }: { state: MessageState }) {
  return (
    <span className="ticks" data-state={state} title={NAMES[state]}>
      <Mark state={state} />
      <span className="visually-hidden">{NAMES[state]}</span>
    </span>
  );
}

function Mark({ state }: { state: MessageState }) {
  if (state === 'queued' || state === 'sending') return <ClockIcon size={14} />;
  if (state === 'failed') return <WarningIcon size={14} />;
  return (
    <svg
      aria-hidden="true"
      width="18"
      height="12"
      viewBox="0 0 18 12"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
    >
      <path d={state === 'sent' ? 'M4.5 6.2l3.2 3.2L14 2.6' : 'M1.5 6.2l3.2 3.2L11 2.6'} />
      {state !== 'sent' && <path d="M8.2 8.9l.6.5L15.6 2.6" />}
    </svg>
  );
}

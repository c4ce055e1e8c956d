import { type ConnectionState, useChat, useConnection } from '@confab/client/react';
import { useEffect, useState } from 'react';

/** Milliseconds that catching up or connecting may take before it is worth a word. */
const PATIENCE = 1_000;

/** Says what is wrong with the connection, and what can be done. Nothing, as long as all is well. */
export function ConnectionBanner({ onSignIn }: { onSignIn: () => void }) {
  const connection = useConnection();
  const chat = useChat();
  const late = useLate(connection.status);
  const text = textOf(connection, late);
  return (
    <div className="banner-place" role="status">
      {text && (
        <div className={`banner ${connection.status === 'offline' ? 'banner-warning' : ''}`}>
          <span>{text}</span>
          {connection.needs === 'token' && (
            <button type="button" className="banner-action" onClick={onSignIn}>
              Sign in
            </button>
          )}
          {connection.status === 'offline' && connection.needs !== 'token' && (
            <button type="button" className="banner-action" onClick={() => chat.connect()}>
              Try now
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function useLate(status: ConnectionState['status']): boolean {
  const [lateStatus, setLateStatus] = useState<string>();
  useEffect(() => {
    const timer = setTimeout(() => setLateStatus(status), PATIENCE);
    return () => clearTimeout(timer);
  }, [status]);
  return lateStatus === status;
}

function textOf({ status, reason, needs }: ConnectionState, late: boolean): string | undefined {
  if (status === 'live') return undefined;
  if (status === 'syncing') return late ? 'Catching up…' : undefined;
  if (status === 'connecting') return late ? 'Connecting…' : undefined;
  if (needs === 'token') return 'Your session has ended.';
  if (reason === 'TOO_MANY_CONNECTIONS') return 'You are connected in too many places.';
  if (reason === 'CLOSED') return undefined;
  return 'You are offline. What you write is sent when you are back.';
}

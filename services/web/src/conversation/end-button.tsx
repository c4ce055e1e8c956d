import { DownIcon } from '../shell/icons.tsx';

export function EndButton({ unread, onEnd }: { unread: number; onEnd: () => void }) {
  return (
    <button type="button" className="end-button" onClick={onEnd} aria-label="Go to the newest messages">
      {unread > 0 && <span className="badge">{unread}</span>}
      <DownIcon />
    </button>
  );
}

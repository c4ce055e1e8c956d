import { useChat, useConnection, useConversations } from '@confab/client/react';
import type { Session } from '../session.ts';
import { Avatar } from '../shell/avatar.tsx';
import { LeaveIcon } from '../shell/icons.tsx';
import type { Theme } from '../shell/theme.ts';
import { ThemeButton } from '../shell/theme-button.tsx';

const STATES = { connecting: 'Connecting', syncing: 'Catching up', live: 'Online', offline: 'Offline' } as const;

export function SidebarHeader({
  session,
  onSignOut,
  theme,
}: {
  session: Session;
  onSignOut: () => void;
  theme: Theme;
}) {
  const { userId } = useChat();
  const { status } = useConnection();
  const conversations = useConversations();
  const me = conversations[0]?.participants.find((participant) => participant._id === userId);
  const name = me?.name ?? session.name ?? (userId || 'You');
  return (
    <header className="sidebar-header">
      <Avatar id={userId || name} name={name} />
      <div className="sidebar-me">
        <p className="sidebar-name">{name}</p>
        <p className="sidebar-state" data-state={status}>
          {STATES[status]}
        </p>
      </div>
      <ThemeButton theme={theme} />
      <button type="button" className="icon-button" onClick={onSignOut} aria-label="Switch user">
        <LeaveIcon />
      </button>
    </header>
  );
}

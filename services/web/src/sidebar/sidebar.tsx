import { useChat, useConnection, useConversations } from '@confab/client/react';
import { useState } from 'react';
import { useDemoUsers } from '../demo-users.ts';
import type { Session } from '../session.ts';
import { showConversation } from '../shell/route.ts';
import type { Theme } from '../shell/theme.ts';
import { ConversationList } from './conversation-list.tsx';
import { matching, peopleToStart } from './finding.ts';
import { PeopleList } from './people-list.tsx';
import { SearchBox } from './search-box.tsx';
import { SidebarHeader } from './sidebar-header.tsx';

interface SidebarProps {
  session: Session;
  selected: string | undefined;
  onSignOut: () => void;
  theme: Theme;
}

export function Sidebar({ session, selected, onSignOut, theme }: SidebarProps) {
  const chat = useChat();
  const conversations = useConversations();
  const ready = useConnection().status === 'live' || conversations.length > 0;
  const demoUsers = useDemoUsers();
  const [query, setQuery] = useState('');
  const [failure, setFailure] = useState('');
  const found = matching(conversations, query);
  const people = peopleToStart(demoUsers ?? null, conversations, chat.userId, query);

  const start = async (userId: string) => {
    setFailure('');
    try {
      showConversation(await chat.startConversation(userId));
      setQuery('');
    } catch (error) {
      setFailure(error instanceof Error ? error.message : 'The conversation could not be opened.');
    }
  };
  return (
    <section className="sidebar" aria-label="Conversations">
      <SidebarHeader session={session} onSignOut={onSignOut} theme={theme} />
      <SearchBox query={query} onQuery={setQuery} />
      <div className="sidebar-scroll">
        {!ready && <ListSkeleton />}
        <ConversationList conversations={found} selected={selected} />
        {ready && <PeopleList people={people} onStart={start} />}
        {ready && found.length === 0 && people.length === 0 && (
          <p className="sidebar-empty">{query ? 'Nothing found.' : 'No conversations yet.'}</p>
        )}
        {failure && (
          <p className="sidebar-empty error-text" role="alert">
            {failure}
          </p>
        )}
      </div>
    </section>
  );
}

function ListSkeleton() {
  return (
    <div className="skeletons" aria-hidden="true">
      {[0, 1, 2, 3].map((row) => (
        <div className="skeleton-row" key={row}>
          <span className="skeleton-avatar" />
          <span className="skeleton-lines" />
        </div>
      ))}
    </div>
  );
}

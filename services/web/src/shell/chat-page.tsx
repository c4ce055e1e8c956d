import { ChatProvider, createChatClient, webStorageOutbox } from '@confab/client/react';
import { useEffect, useState } from 'react';
import { ConversationPane } from '../conversation/conversation-pane.tsx';
import type { Session } from '../session.ts';
import { Sidebar } from '../sidebar/sidebar.tsx';
import { ConnectionBanner } from './connection-banner.tsx';
import { ChatIcon } from './icons.tsx';
import { showConversation, useConversationRoute } from './route.ts';
import type { Theme } from './theme.ts';
import { UnreadTitle } from './unread-title.tsx';

/** The chat of one person: their conversations, and the one they look at. On narrow screens one of the two is shown. */
export function ChatPage({ session, onSignOut, theme }: { session: Session; onSignOut: () => void; theme: Theme }) {
  const [client] = useState(() =>
    createChatClient({
      token: session.token,
      outbox: webStorageOutbox(sessionStorage, `confab.outbox.${session.token.slice(-24)}`),
    }),
  );
  useEffect(() => {
    client.connect();
    return () => client.close();
  }, [client]);
  const conversationId = useConversationRoute();
  const signOut = () => {
    showConversation(undefined);
    onSignOut();
  };
  return (
    <ChatProvider client={client}>
      <UnreadTitle />
      <main className="chat-page" data-shows={conversationId ? 'conversation' : 'list'}>
        <h1 className="visually-hidden">Confab</h1>
        <ConnectionBanner onSignIn={signOut} />
        <Sidebar session={session} selected={conversationId} onSignOut={signOut} theme={theme} />
        <div className="main">
          {conversationId ? <ConversationPane key={conversationId} conversationId={conversationId} /> : <NothingOpen />}
        </div>
      </main>
    </ChatProvider>
  );
}

function NothingOpen() {
  return (
    <div className="nothing-open">
      <span className="nothing-open-icon">
        <ChatIcon size={28} />
      </span>
      <p>Choose a conversation, or search for somebody to start one.</p>
    </div>
  );
}

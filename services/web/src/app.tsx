import { useState } from 'react';
import { readSession, type Session, storeSession } from './session.ts';
import { ChatPage } from './shell/chat-page.tsx';
import { useTheme } from './shell/theme.ts';
import { SignIn } from './sign-in/sign-in.tsx';

export function App() {
  const [session, setSession] = useState<Session | null>(readSession);
  const theme = useTheme();
  const change = (next: Session | null) => {
    storeSession(next);
    setSession(next);
  };
  if (!session) return <SignIn onSignIn={change} theme={theme} />;
  return <ChatPage key={session.token} session={session} onSignOut={() => change(null)} theme={theme} />;
}

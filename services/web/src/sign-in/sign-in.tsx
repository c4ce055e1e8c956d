import { type FormEvent, useState } from 'react';
import { type DemoUser, useDemoUsers } from '../demo-users.ts';
import type { Session } from '../session.ts';
import { Avatar } from '../shell/avatar.tsx';
import type { Theme } from '../shell/theme.ts';
import { ThemeButton } from '../shell/theme-button.tsx';

/** Pick a demo user, or paste a token of the application's own. */
export function SignIn({ onSignIn, theme }: { onSignIn: (session: Session) => void; theme: Theme }) {
  const users = useDemoUsers();
  return (
    <main className="sign-in">
      <div className="sign-in-corner">
        <ThemeButton theme={theme} />
      </div>
      <div className="sign-in-card">
        <img src="/icon.svg" alt="" width="48" height="48" />
        <h1>Confab</h1>
        {users && (
          <>
            <p className="muted">Who are you today? Open a second tab as somebody else to chat.</p>
            <DemoUsers users={users} onPick={({ token, name }) => onSignIn({ token, name })} />
          </>
        )}
        {users === null && <p className="muted">Paste a token of your application to begin.</p>}
        {users !== undefined && <TokenForm folded={users !== null} onToken={(token) => onSignIn({ token })} />}
      </div>
    </main>
  );
}

function DemoUsers({ users, onPick }: { users: DemoUser[]; onPick: (user: DemoUser) => void }) {
  return (
    <ul className="demo-users">
      {users.map((user) => (
        <li key={user._id}>
          <button type="button" className="demo-user" onClick={() => onPick(user)}>
            <Avatar id={user._id} name={user.name} />
            <span>{user.name}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function TokenForm({ folded, onToken }: { folded: boolean; onToken: (token: string) => void }) {
  const [token, setToken] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (token.trim()) onToken(token.trim());
  };
  const form = (
    <form className="token-form" onSubmit={submit}>
      <label htmlFor="token">Token</label>
      <textarea
        id="token"
        rows={4}
        value={token}
        onChange={(event) => setToken(event.target.value)}
        placeholder="eyJhbGciOi…"
        spellCheck={false}
        autoComplete="off"
      />
      <button type="submit" className="button-primary" disabled={!token.trim()}>
        Continue
      </button>
    </form>
  );
  if (!folded) return form;
  return (
    <details className="token-details">
      <summary>Use a token instead</summary>
      {form}
    </details>
  );
}

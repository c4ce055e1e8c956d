/** Who uses this tab. Kept per tab, so that two people can chat in two tabs of one browser. */
export interface Session {
  token: string;
  name?: string;
}

const KEY = 'confab.session';

export function readSession(): Session | null {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    const session = stored as Partial<Session> | null;
    return typeof session?.token === 'string' ? (session as Session) : null;
  } catch {
    // Somebody else's entry, or no storage in this browser: the person signs in again.
    return null;
  }
}

export function storeSession(session: Session | null): void {
  try {
    if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
    else sessionStorage.removeItem(KEY);
  } catch {
    // No storage in this browser: the session lasts until the reload.
  }
}

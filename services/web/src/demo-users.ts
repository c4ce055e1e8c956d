import { useEffect, useState } from 'react';

export interface DemoUser {
  _id: string;
  name: string;
  token: string;
}

/** The demo users, `null` where the server has none, undefined while that is not known. */
export function useDemoUsers(): DemoUser[] | null | undefined {
  const [users, setUsers] = useState<DemoUser[] | null>();
  useEffect(() => {
    let current = true;
    fetchDemoUsers().then((found) => current && setUsers(found));
    return () => {
      current = false;
    };
  }, []);
  return users;
}

// One call per page: the sign-in and the sidebar both want them.
let asked: Promise<DemoUser[] | null> | undefined;

function fetchDemoUsers(): Promise<DemoUser[] | null> {
  asked ??= fetch('/demo/users')
    .then(async (reply) => (reply.ok ? ((await reply.json()) as { users: DemoUser[] }).users : null))
    .catch(() => {
      asked = undefined;
      return null;
    });
  return asked;
}

import { eventually } from '@confab/testkit';
import { StockClient } from '../clients/stock-client.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';

export interface Crowd {
  clients: StockClient[];
  groups: { id: string; members: string[] }[];
  close(): void;
}

/** Users of one group, so that each has contacts who are told of them, and not too many. */
const GROUP_SIZE = 10;
/** Handshakes at the same time while the crowd gathers. */
const AT_ONCE = 50;

/** Makes groups of ten users and connects everybody, each with a plain client that reconnects and fetches history. */
export async function gatherCrowd(rig: Rig, size: number, prefix: string): Promise<Crowd> {
  const groups: Crowd['groups'] = [];
  for (let group = 0; group < size / GROUP_SIZE; group++) {
    const members = Array.from({ length: GROUP_SIZE }, (_, i) => `${prefix}-${group}-${i}`);
    const [owner = '', ...participants] = members;
    const { data } = await insist(rig.caller(owner), 'POST', '/api/chat/conversations', { participants });
    groups.push({ id: data._id, members });
  }
  const clients: StockClient[] = [];
  const users = groups.flatMap(({ id, members }) => members.map((userId) => ({ userId, id })));
  for (let from = 0; from < users.length; from += AT_ONCE) {
    const next = users
      .slice(from, from + AT_ONCE)
      .map(({ userId, id }) => new StockClient({ userId, caller: rig.caller(userId), conversations: [id] }));
    clients.push(...next);
    await Promise.all(next.map((client) => client.opened()));
  }
  await eventually(() => clients.every(({ connected }) => connected), 10_000);
  return {
    clients,
    groups,
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

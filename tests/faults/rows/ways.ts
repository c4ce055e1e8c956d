import { StockClient } from '../clients/stock-client.ts';
import type { Conversation, Load } from '../load.ts';
import type { Random } from '../random.ts';

/** How the send under test goes out: `both` is REST and a socket at once, with one client id. */
const WAYS = ['rest', 'socket', 'both'] as const;
export type Way = (typeof WAYS)[number];

/**
 * The way of a round: each in a third of the rounds, and each with every kind of fault.
 * @param kinds how many kinds of fault there are, which take turns; kinds + 1 must not be a multiple of 3
 */
export const wayOf = (round: number, kinds: number): Way =>
  WAYS[(round + Math.floor(round / kinds)) % WAYS.length] as Way;

/** @returns somebody who is connected with the plain client, and their conversation @throws Error if there is nobody */
export function someoneOnSocket(
  load: Pick<Load, 'devices' | 'conversations'>,
  random: Random,
): { device: StockClient; conversation: Conversation } {
  const connected = load.devices.filter((device) => device instanceof StockClient).filter((one) => one.connected);
  if (connected.length === 0) throw new Error('nobody is connected with the plain client');
  const device = random.pick(connected);
  const conversation = load.conversations.find(({ members }) => members.includes(device.userId));
  if (!conversation) throw new Error(`${device.userId} is in no conversation`);
  return { device, conversation };
}

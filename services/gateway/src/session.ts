import type { Message } from '@confab/contracts';
import type { Identity } from '@confab/service-kit';
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { UserSend } from './api-client.ts';
import type { EventBudget } from './event-budget.ts';
import type { SendLanes } from './send-lanes.ts';

/** What the gateway knows of one socket. */
export interface Session {
  identity: Identity;
  token: string;
  /** The client's own address, behind our proxies. */
  address: string;
  budget: EventBudget;
  lanes: SendLanes<UserSend, Message>;
  /** Requests to the api that wait for an answer, and those that wait for one of these to end. */
  apiCalls: { inFlight: number; waiting?: (() => void)[] };
  /** Conversations in which the socket types, with when the others were last told (Unix ms). */
  typing: Map<string, number>;
  /** `session:end` was sent: nothing goes in or out any more. */
  ended: boolean;
}

export type GatewayServer = Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Session>;
export type GatewaySocket = Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Session>;

/** The room of all sockets of a user. */
export const userRoom = (userId: string) => `user:${userId}`;

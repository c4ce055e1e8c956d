import { randomBytes } from 'node:crypto';
import type { Log, OutboundEvent } from '@confab/chat';
import type { DeliveredReceipt, PresenceReceipt } from '@confab/contracts';

/** 24 hexadecimal digits. */
export const objectId = () => randomBytes(12).toString('hex');
export const uniqueUser = (name: string) => `${name}-${randomBytes(4).toString('hex')}`;

export function outboundEvent(seq: number, over: Partial<OutboundEvent> = {}): OutboundEvent {
  return { event: 'new:message', payload: JSON.stringify({ message: { seq } }), traceId: `trace-${seq}`, seq, ...over };
}

export function deliveredReceipt(over: Partial<DeliveredReceipt> = {}): DeliveredReceipt {
  return {
    v: 1,
    id: objectId(),
    at: Date.now(),
    traceId: 'trace',
    type: 'delivered',
    conversationId: objectId(),
    userIds: ['bob'],
    items: [{ messageId: objectId(), seq: 1, senderId: 'alice' }],
    ...over,
  };
}

export function presenceReceipt(userId: string): PresenceReceipt {
  return { v: 1, id: objectId(), at: Date.now(), traceId: 'trace', type: 'presence', userId, state: 'connected' };
}

export interface LogLine {
  level: keyof Log;
  fields: object;
  message: string;
}

/** A log that keeps its lines, for tests that count them. */
export function keptLog(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: keyof Log) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { log: { info: write('info'), warn: write('warn'), error: write('error') }, lines };
}

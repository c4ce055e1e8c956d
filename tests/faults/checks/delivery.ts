import { eventually } from '@confab/testkit';
import type { Device } from '../clients/device.ts';
import type { Load } from '../load.ts';

/** Invariant B: every device that is connected has, by itself, every message of its user's conversations. @returns what is missing where */
export function missingDeliveries(load: Load): string[] {
  const problems: string[] = [];
  for (const device of load.devices) {
    const missing = promisedTo(load, device).filter((id) => !device.known.has(id));
    if (missing.length === 0 && device.connected) continue;
    const state = device.connected ? '' : ', and is not connected';
    problems.push(
      `${device.userId} (${device.kind}) misses ${missing.length} messages (${missing.slice(0, 3)})${state}`,
    );
  }
  return problems;
}

function promisedTo(load: Load, device: Device): string[] {
  return load.ledger.acknowledged
    .filter(({ conversationId }) => load.membersOf(conversationId).includes(device.userId))
    .map(({ acknowledged }) => acknowledged.messageId);
}

/**
 * Waits until everybody has what is acknowledged now; what is sent meanwhile is not waited for.
 * @returns milliseconds that it took; Infinity if it did not happen within `deadlineMs`
 */
export async function untilDelivered(load: Load, deadlineMs = 30_000): Promise<number> {
  const startedAt = performance.now();
  const wanted = load.devices.map((device) => ({ device, ids: promisedTo(load, device) }));
  const complete = () => wanted.every(({ device, ids }) => device.connected && ids.every((id) => device.known.has(id)));
  try {
    await eventually(complete, deadlineMs, 20);
    return performance.now() - startedAt;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Messages that an application was given twice: the SDK drops what it knows, so there must be none. */
export function doubledDeliveries(load: Load): string[] {
  return load.devices
    .filter(({ doubled }) => doubled > 0)
    .map(({ userId, doubled }) => `the SDK of ${userId} gave ${doubled} messages twice`);
}

/** Pushes of known messages, which clients drop. */
export const repeatedPushes = (load: Load): number => load.devices.reduce((sum, { repeats }) => sum + repeats, 0);

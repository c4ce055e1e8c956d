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

/** Messages that an application was given twice: the SDK drops what it knows, so there must be none. */
export function doubledDeliveries(load: Load): string[] {
  return load.devices
    .filter(({ doubled }) => doubled > 0)
    .map(({ userId, doubled }) => `the SDK of ${userId} gave ${doubled} messages twice`);
}

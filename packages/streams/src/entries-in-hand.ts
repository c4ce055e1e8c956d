interface Place {
  partition: number;
  entryId: string;
}

/**
 * Batches of the receipts log that this worker has and has not done with: the one at work, and the one that waits behind it. Whole batches, and
 * their entries are looked at only where one takes long: most are done in milliseconds.
 */
export class EntriesInHand {
  /** With the time (ms) at which each was last said to be at work. */
  readonly #batches = new Map<readonly Place[], number>();

  add(batch: readonly Place[], now: number): void {
    this.#batches.set(batch, now);
  }

  remove(batch: readonly Place[]): void {
    this.#batches.delete(batch);
  }

  /** Ids of entries in hand. */
  of(partition: number): Set<string> {
    const ids = new Set<string>();
    for (const batch of this.#batches.keys())
      for (const entry of batch) if (entry.partition === partition) ids.add(entry.entryId);
    return ids;
  }

  /** The batches of which nothing was said for `ms`: counts as saying it. @returns their ids by partition */
  takeSilent(ms: number, now: number): Map<number, string[]> {
    const silent = [...this.#batches].filter(([, saidAt]) => now - saidAt >= ms).map(([batch]) => batch);
    for (const batch of silent) this.#batches.set(batch, now);
    const ids = new Map<number, string[]>();
    for (const { partition, entryId } of silent.flat()) {
      const ofPartition = ids.get(partition);
      if (ofPartition) ofPartition.push(entryId);
      else ids.set(partition, [entryId]);
    }
    return ids;
  }
}

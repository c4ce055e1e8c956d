import { crc32 } from 'node:zlib';

/** Partitions of the receipts log and the feed. The same in every service of a deployment; consumers read all of them. */
export const DEFAULT_PARTITIONS = 4;

/** The partition of a conversation or user: the same in every process and version. */
export function partitionOf(id: string, partitions: number): number {
  return crc32(id) % partitions;
}

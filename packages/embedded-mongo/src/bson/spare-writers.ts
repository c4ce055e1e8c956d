/** Writers that go from one use to the next: memory outside the heap that every reply leaves behind makes V8 collect the whole heap again and again. */
import { RawWriter } from './raw-writer.ts';

/** Bytes up to which a writer is kept. Source: a thousand messages of a usual length. */
const KEPT_BYTES = 1_048_576;
/** Writers that are kept. Source: queries that take several turns, and so write side by side, are few. */
const KEPT = 8;

const spare: RawWriter[] = [];

/** @returns an empty one */
export const takeWriter = (): RawWriter => spare.pop() ?? new RawWriter(4096);

/** What it wrote may be overwritten from now on. One that is never given back is only not used again. */
export function giveBack(writer: RawWriter): void {
  if (writer.bytes.length > KEPT_BYTES || spare.length >= KEPT) return;
  writer.length = 0;
  spare.push(writer);
}

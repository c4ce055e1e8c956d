import type { MediaSource } from '@confab/chat';
import { parseFromTokenizer } from 'music-metadata';
import { SourceTokenizer } from './source-tokenizer.ts';

/**
 * Seconds that a sound or a video lasts, where its header says so.
 * @returns undefined where it would have to be read through, or does not say
 */
export async function durationOf(source: MediaSource, contentType: string): Promise<number | undefined> {
  try {
    const tokenizer = new SourceTokenizer(source, contentType);
    const { format } = await parseFromTokenizer(tokenizer, { duration: false, skipCovers: true });
    const seconds = format.duration;
    return seconds !== undefined && Number.isFinite(seconds) && seconds >= 0
      ? Math.round(seconds * 1_000) / 1_000
      : undefined;
  } catch (error) {
    // A storage that is away is told; a header that cannot be understood has no duration.
    if (error instanceof Error && error.name === 'ChatError') throw error;
    return undefined;
  }
}

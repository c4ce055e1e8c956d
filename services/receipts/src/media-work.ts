import { type ChatContext, makeThumbnails, upkeepMedia } from '@confab/chat';
import type { Media } from '@confab/media';

interface MediaTask {
  name: string;
  /** Milliseconds from the end of one run to the begin of the next. */
  everyMs: number;
  run(): Promise<unknown>;
}

/** Milliseconds between runs. Thumbnails are waited for by people; what is to be removed is not. */
const EVERY = { thumbnails: 500, upkeep: 1_000, sweep: 3_600_000 } as const;
/** Age in milliseconds at which a part of an upload is left over: no upload may take that long. */
const PART_AGE_MS = 24 * 3_600_000;

/** What the worker does for uploads: thumbnails, removal of bytes, collection of what nobody used. */
export function mediaWork(
  ctx: Pick<ChatContext, 'store' | 'media' | 'clock' | 'log'>,
  media: Media | undefined,
): MediaTask[] {
  if (!media) return [];
  const { local } = media;
  const tasks: MediaTask[] = [
    { name: 'thumbnails', everyMs: EVERY.thumbnails, run: () => makeThumbnails(ctx) },
    { name: 'media upkeep', everyMs: EVERY.upkeep, run: () => upkeepMedia(ctx) },
  ];
  if (local) {
    const run = async () => {
      const removed = await local.sweep(new Date(ctx.clock.now() - PART_AGE_MS));
      media.meter?.swept(removed);
    };
    tasks.push({ name: 'media sweep', everyMs: EVERY.sweep, run });
  }
  return tasks;
}

import { expect, it } from 'vitest';
import { BAR_MIB, measureLargeUpload } from '../proof/large-upload.ts';

// 1 GiB takes minutes on a busy machine: that is `proof/large-upload.ts`. Three times the bar is enough to see an upload that is kept in memory.
it('an upload to the disk takes memory for a few chunks, not for the file', async () => {
  const result = await measureLargeUpload(3 * BAR_MIB);
  expect(result.growthMiB).toBeLessThan(BAR_MIB);
}, 120_000);

import { expect, it } from 'vitest';
import { BUDGET, measure } from '../size.ts';

it('weighs less than its budget, gzipped, without socket.io-client and react', async () => {
  const sizes = await measure();
  for (const size of Object.values(sizes)) {
    expect(size).toBeGreaterThan(5_000);
    expect(size).toBeLessThan(BUDGET);
  }
});

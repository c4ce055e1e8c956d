import { expect, it } from 'vitest';
import { encodeStream, streamOf } from './typed-stream.ts';

it('refuses a document that stages have made larger than 16 MB', () => {
  const half = 'x'.repeat(9 * 2 ** 20);
  const stream = encodeStream(streamOf([{ a: half }, { a: half, b: half }]));
  expect(stream.step()!.length).toBeGreaterThan(half.length);
  expect(() => stream.step()).toThrow(expect.objectContaining({ code: 10334 }));
});

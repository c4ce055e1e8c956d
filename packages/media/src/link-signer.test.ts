import { ChatError } from '@confab/contracts';
import { expect, it } from 'vitest';
import { createLinkSigner } from './link-signer.ts';

const NOW = 1_700_000_000_000;
const signer = createLinkSigner('a secret of the tests, long enough', () => NOW);
const read = (query: string) => Object.fromEntries(new URLSearchParams(query));
const codeOf = (purpose: string, query: Record<string, unknown>) => {
  try {
    signer.verify(purpose, query);
    return 'ok';
  } catch (error) {
    return error instanceof ChatError ? error.code : 'defect';
  }
};

it('reads back what it signed', () => {
  const query = signer.sign('download', { id: '1', name: 'a & b=c.png' }, new Date(NOW + 1));
  expect(signer.verify('download', read(query))).toEqual({
    fields: { id: '1', name: 'a & b=c.png' },
    expiresAt: new Date(NOW + 1),
  });
});

it('a link dies at its time, to the millisecond', () => {
  expect(codeOf('download', read(signer.sign('download', { id: '1' }, new Date(NOW))))).toBe('MEDIA_LINK_EXPIRED');
  expect(codeOf('download', read(signer.sign('download', { id: '1' }, new Date(NOW + 1))))).toBe('ok');
});

it('refuses every alteration, further and missing fields, other purposes and other keys', () => {
  const good = read(signer.sign('download', { id: '1', type: 'image/png' }, new Date(NOW + 1_000)));
  const altered: Record<string, unknown>[] = [
    { ...good, id: '2' },
    { ...good, expires: String(NOW + 9_999_999) },
    { ...good, inline: '1' },
    { id: good.id, expires: good.expires, signature: good.signature },
    { ...good, signature: '' },
    { ...good, signature: `${good.signature}A` },
    { ...good, signature: undefined },
    { ...good, id: ['1', '1'] },
    {},
  ];
  for (const query of altered) expect(codeOf('download', query)).toBe('MEDIA_LINK_INVALID');
  expect(codeOf('upload', good)).toBe('MEDIA_LINK_INVALID');
  const other = createLinkSigner('another secret of the tests, long', () => NOW);
  expect(codeOf('download', read(other.sign('download', { id: '1' }, new Date(NOW + 1_000))))).toBe(
    'MEDIA_LINK_INVALID',
  );
});

it('fields cannot be moved from one into the next', () => {
  const one = read(signer.sign('download', { a: 'x1:y', b: '' }, new Date(NOW + 1_000)));
  expect(codeOf('download', { ...one, a: 'x', b: '1:y' })).toBe('MEDIA_LINK_INVALID');
});

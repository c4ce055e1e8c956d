import { ChatError } from '@confab/contracts';
import { expect, it } from 'vitest';
import { checkExternal, type ExternalMediaPolicy } from './media-policy.ts';

const reasonFor = (url: string, policy?: ExternalMediaPolicy) => {
  try {
    checkExternal(policy, url, 'media/0/url');
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ChatError);
    return (error as ChatError).reason;
  }
};

it('takes https URLs on public hosts, without credentials', () => {
  expect(reasonFor('https://example.com/image.jpg')).toBeUndefined();
  expect(reasonFor('http://example.com/image.jpg')).toBe('is not an https URL');
  expect(reasonFor('https://a:b@example.com/image.jpg')).toBe('has a user name or password');
  for (const host of ['127.0.0.1', '0x7f.1', '[::1]', '[::ffff:10.0.0.1]', '169.254.169.254', 'localhost', 'redis']) {
    expect(reasonFor(`https://${host}/image.jpg`)).toBe('is on a host that is not public');
  }
});

it('with a list of hosts takes those and no others, wherever they are', () => {
  const policy = { allowed: true, hosts: ['cdn.example.com', 'files.internal'] };
  expect(reasonFor('https://cdn.example.com/a', policy)).toBeUndefined();
  expect(reasonFor('https://files.internal/a', policy)).toBeUndefined();
  expect(reasonFor('https://u@files.internal/a', policy)).toBe('has a user name or password');
  expect(reasonFor('https://example.com/a', policy)).toBe('is on a host that is not allowed');
  expect(reasonFor('https://cdn.example.com.evil.example/a', policy)).toBe('is on a host that is not allowed');
});

it('takes none where all media must be uploaded', () => {
  expect(reasonFor('https://example.com/a', { allowed: false, hosts: [] })).toMatch('must be uploaded');
});

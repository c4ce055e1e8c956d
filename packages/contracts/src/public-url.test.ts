import { expect, it } from 'vitest';
import { publicUrlProblem } from './public-url.ts';

it.each([
  'https://example.com/image.jpg',
  'http://example.com',
  'https://example.com./a',
  'https://res.cloudinary.com/demo/image/upload/v1/a.jpg?x=1#y',
  'https://bücher.example.com/ü',
  'https://8.8.8.8/a',
  'https://172.32.0.1/a',
  'https://100.63.255.255/a',
  'https://[2606:4700:4700::1111]/a',
  'https://localhost.example.com/a',
  'https://notlocal.example/a',
])('%s may be shown', (url) => {
  expect(publicUrlProblem(url)).toBeUndefined();
});

it.each([
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,<script>1</script>',
  'file:///etc/passwd',
  'ftp://example.com/a',
  'blob:https://example.com/1',
  '//example.com/a',
  '/a',
  '',
  'https://',
  'https:///',
])('%s is no http(s) URL', (url) => {
  expect(publicUrlProblem(url)).toMatch(/not an http or https URL|not public/);
});

it.each(['https://user@example.com/', 'https://user:pass@example.com/', 'https://:pass@example.com/'])(
  '%s has credentials',
  (url) => {
    expect(publicUrlProblem(url)).toBe('has a user name or password');
  },
);

it.each([
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  'redis',
  'redis.',
  'printer.local',
  'metadata.google.internal',
  'metadata.google.internal.',
  'nas.lan',
  'router.home.arpa',
  'example.com..',
  '127.0.0.1',
  '127.1',
  '127.0.0.1.',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '%31%32%37.0.0.1',
  '１２７.０.０.１',
  '127。0。0。1',
  '0',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:8.8.8.8]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::1]',
  '[2002:7f00:1::]',
  '[2001::1]',
  '[2001:db8::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[3fff::1]',
])('https://%s:8443/a is on a host that is not public', (host) => {
  expect(publicUrlProblem(`https://${host}:8443/a`)).toMatch(/not public|not an http or https URL/);
});

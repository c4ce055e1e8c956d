import { describe, expect, it } from 'vitest';
import { addressGroup, clientAddress, createProxyTrust } from './address.ts';

const trusts = createProxyTrust(['10.0.0.0/8', '192.168.1.7', 'fd00::/8']);

describe('clientAddress', () => {
  it.each<[string, string | undefined, string, string]>([
    ['203.0.113.9', '1.1.1.1', '203.0.113.9', 'a client that is no proxy is not believed'],
    ['10.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9', 'the last hop that is not ours'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9', 'a chain of our own'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9', 'mapped addresses'],
    ['10.0.0.1', 'junk', '10.0.0.1', 'junk is not an address'],
    ['10.0.0.1', undefined, '10.0.0.1', 'no header'],
    ['fd00::1', '2001:db8::5', '2001:db8::5', 'IPv6'],
    ['192.168.1.8', '203.0.113.9', '192.168.1.8', 'a neighbour is not the proxy'],
  ])('%s with %s is %s: %s', (remote, header, address) => {
    expect(clientAddress(remote, header, trusts)).toBe(address);
  });
});

it('refuses a network that is none', () => {
  expect(() => createProxyTrust(['10.0.0.0/33'])).toThrow('10.0.0.0/33 is not a network');
  expect(() => createProxyTrust(['proxy'])).toThrow('proxy is not a network');
});

it('counts an IPv6 /64 as one, and each IPv4 address', () => {
  expect(addressGroup('2001:db8:0:1::5')).toBe('2001:db8:0:1::/64');
  expect(addressGroup('2001:0DB8:0000:0001:ffff::')).toBe('2001:db8:0:1::/64');
  expect(addressGroup('2001:db8:0:2::5')).not.toBe(addressGroup('2001:db8:0:1::5'));
  expect(addressGroup('::1')).toBe('0:0:0:0::/64');
  expect(addressGroup('::ffff:1.2.3.4')).toBe('1.2.3.4');
  expect(addressGroup('::ffff:102:304')).toBe('1.2.3.4');
});

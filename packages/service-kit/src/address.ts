import { BlockList, isIP } from 'node:net';

/** Says whether an address is one of our load balancers. */
export type ProxyTrust = (address: string) => boolean;

/**
 * @param networks addresses and networks in CIDR form (TRUST_PROXY)
 * @throws Error that names the entry that is none
 */
export function createProxyTrust(networks: readonly string[]): ProxyTrust {
  const list = new BlockList();
  for (const entry of networks) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address);
    const bits = Number(prefix ?? (family === 6 ? 128 : 32));
    if (family === 0 || bits > (family === 6 ? 128 : 32)) throw new Error(`TRUST_PROXY: ${entry} is not a network`);
    list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
  }
  return (address) => {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/**
 * The address of the client: the last one in X-Forwarded-For that no trusted proxy has. What a client itself wrote there stands
 * further left and is not believed.
 * @param remote address of the connection
 * @param forwardedFor the X-Forwarded-For header, if any
 */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  trusts: ProxyTrust,
): string {
  let address = plainAddress(remote ?? '');
  const hops = (forwardedFor ?? '').split(',').map((hop) => hop.trim());
  while (trusts(address)) {
    const hop = plainAddress(hops.pop() ?? '');
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

/**
 * What limits by address count together: one IPv4 address, or one IPv6 /64, since a subscriber gets at least that (RFC 6177).
 */
export function addressGroup(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  return `${expandIpv6(plain).slice(0, 4).join(':')}::/64`;
}

/** `::ffff:1.2.3.4`, also written `::ffff:102:304`, is the IPv4 address 1.2.3.4; a zone (`%eth0`) says nothing about the client. */
function plainAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '').split('%')[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped) return mapped[1] ?? bare;
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(bare) ?? [];
  if (high === undefined || low === undefined) return bare;
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]).join('.');
}

function expandIpv6(address: string): string[] {
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}

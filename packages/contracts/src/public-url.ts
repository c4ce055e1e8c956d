/**
 * Why a URL must not be shown to other users; undefined if it may. Clients open such URLs by themselves (an image in a message, a
 * profile picture), from wherever their users are: so it must be http(s), carry no credentials, and name a host of the public
 * internet. Nothing is fetched or resolved here: a public name may still lead to a private address, which only a list of allowed hosts rules out.
 * @param url as a user gave it; the check is on its parsed form, in which browsers read decimal, octal and hexadecimal IPv4 alike
 */
export function publicUrlProblem(url: string): string | undefined {
  const problem = httpUrlProblem(url);
  if (problem !== undefined) return problem;
  return isPublicHost(new URL(url).hostname) ? undefined : 'is on a host that is not public';
}

/** The same for a URL whose host somebody else vouches for. */
export function httpUrlProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') return 'is not an http or https URL';
  return parsed.username === '' && parsed.password === '' ? undefined : 'has a user name or password';
}

/** @param host as the WHATWG parser leaves it: lower case, IPv4 as four decimals, IPv6 compressed in brackets */
export function isPublicHost(host: string): boolean {
  if (host.startsWith('[')) return isPublicIpv6(groupsOf(host.slice(1, -1)));
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host)?.slice(1).map(Number);
  if (octets) return !isWithin(bitsOf(octets, 8), PRIVATE_IPV4);
  const name = host.replace(/\.$/, '');
  const labels = name.split('.');
  // A name of one label is one of the local network (`redis`, `intranet`).
  return labels.length > 1 && !labels.includes('') && !LOCAL_NAMES.some((local) => `.${name}`.endsWith(`.${local}`));
}

/** Names that no public DNS answers. Source: RFC 6761, 6762, 8375, 9476 and ICANN's reservation of `internal`; what routers use. */
const LOCAL_NAMES = [
  ...['localhost', 'local', 'localdomain', 'internal', 'intranet', 'private', 'corp', 'home', 'lan', 'home.arpa'],
  ...['test', 'invalid', 'alt', 'onion', 'in-addr.arpa', 'ip6.arpa'],
];

/** IPv4 networks that are not the public internet. Source: IANA's special-purpose address registry. */
const PRIVATE_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
].map((network) => {
  const [address = '', prefix] = network.split('/');
  return bitsOf(address.split('.').map(Number), 8).slice(0, Number(prefix));
});

/**
 * The parts of 2000::/3 that are not the public internet, or hide an IPv4 address: protocol assignments with Teredo, documentation,
 * 6to4. Everything outside 2000::/3 (loopback, link-local, private, IPv4-mapped, NAT64, multicast) is none of it.
 */
const GLOBAL_IPV6 = [bitsOf([0x2000], 16).slice(0, 3)];
const RESERVED_IPV6 = [
  bitsOf([0x2001, 0x0000], 16).slice(0, 23),
  bitsOf([0x2001, 0x0db8], 16),
  bitsOf([0x2002], 16),
  bitsOf([0x3fff], 16).slice(0, 20),
];

function isPublicIpv6(groups: number[]): boolean {
  const bits = bitsOf(groups, 16);
  return isWithin(bits, GLOBAL_IPV6) && !isWithin(bits, RESERVED_IPV6);
}

/** The eight groups of an IPv6 address as the parser writes it: no embedded IPv4, at most one `::`. */
function groupsOf(address: string): number[] {
  const [head = [], tail] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(zeros).fill('0'), ...(tail ?? [])].map((group) => Number.parseInt(group, 16));
}

function bitsOf(parts: number[], width: number): string {
  return parts.map((part) => part.toString(2).padStart(width, '0')).join('');
}

const isWithin = (bits: string, networks: string[]): boolean => networks.some((network) => bits.startsWith(network));

import { limits } from '@confab/contracts';
import {
  checkJwt,
  corsVariables,
  type Environment,
  httpVariables,
  jwtVariables,
  loadConfig,
  logVariables,
  proxyVariables,
  redisVariables,
  streamVariables,
  tracingVariables,
} from '@confab/service-kit';
import Type, { type Static } from 'typebox';

const count = (description: string, value: number, minimum = 1) =>
  Type.Integer({ description, minimum, default: value, examples: [value] });

/** What a deployment decides about sockets; standalone takes these too. Each default says where it comes from. */
export const socketVariables = {
  // Source: a half-open connection is found within 15 s, which is the sum of the two.
  PING_INTERVAL_MS: count('the milliseconds between two heartbeats of a socket', 8_000, 100),
  PING_TIMEOUT_MS: count('the milliseconds that a client has to answer a heartbeat', 6_000, 100),
  // Source: orchestrators kill 30 s after SIGTERM; sends under way, receipts and closing may take 13 s of them.
  DRAIN_MS: Type.Integer({
    description: 'the milliseconds over which a gateway that shuts down sends its sockets away',
    minimum: 0,
    maximum: 16_000,
    default: 15_000,
    examples: [15_000],
  }),
  // Source: a person with a handful of devices, each with a few open pages.
  MAX_SOCKETS_PER_USER: count('the sockets that one user may have, over all gateways', 20),
  // Source: an office or a mobile carrier's NAT behind one address; an IPv6 /64 counts as one address.
  MAX_SOCKETS_PER_ADDRESS: count('the sockets that one client address may have on one gateway', 5_000),
  HANDSHAKES_PER_SECOND: count('the new connections per second from one client address', 200),
  // Source: above the 4 events a second of a user who types, reads and sends at once, times five.
  EVENTS_PER_SECOND: count(
    'the events per second of one socket, with bursts of three times that; all sockets of a user together may twice that',
    20,
  ),
  // Source: callers get a typed error within 5 s.
  API_TIMEOUT_MS: count('the milliseconds that the api has to answer the gateway', 4_000, 100),
  // At least what one socket may send together, which would be refused for ever.
  API_MAX_IN_FLIGHT: count(
    'the calls of one gateway to the api at the same time; one more is refused',
    500,
    limits.sendsAtOnce,
  ),
};

export const GatewayConfig = Type.Object({
  ...logVariables,
  ...httpVariables(3100),
  GATEWAY_ID: Type.Optional(
    Type.String({
      description: 'the name of this gateway process, unique among all; made up if absent',
      pattern: '^[A-Za-z0-9_-]{1,40}$',
      examples: ['gateway-1'],
    }),
  ),
  API_URL: Type.String({
    description: 'the URL of the api, to which messages and membership questions go',
    pattern: '^https?://\\S+$',
    default: 'http://localhost:3101',
    examples: ['http://api:3101'],
  }),
  ...redisVariables,
  ...streamVariables,
  ...jwtVariables,
  ...corsVariables,
  ...proxyVariables,
  ...tracingVariables,
  ...socketVariables,
});
export type GatewayConfig = Static<typeof GatewayConfig>;

/** What a gateway itself works with; the rest of the configuration is for connecting it. */
export type GatewaySettings = Pick<
  GatewayConfig,
  'HOST' | 'PORT' | 'CLIENT_URL' | 'TRUST_PROXY' | 'JWT_CLOCK_TOLERANCE' | keyof typeof socketVariables
>;

/** @throws ConfigError that names every bad variable with its fix */
export const loadGatewayConfig = (env: Environment): GatewayConfig => loadConfig(GatewayConfig, env, [checkJwt]);

import { parseArgs } from 'node:util';

export interface LoadOptions {
  /** Where sockets connect. */
  url: string;
  /** The Redis of that gateway, to which events are published. */
  redis: string;
  prefix: string;
  cluster: boolean;
  /** Signs the tokens of the sockets' users. */
  secret: string;
  sockets: number;
  /** Events a second, each for one socket. */
  rate: number;
  /** Bytes of an event's payload. */
  payload: number;
  /** Seconds. */
  duration: number;
  /** New sockets a second. */
  ramp: number;
  /** Start a Redis and a gateway on this machine for the run. */
  local: boolean;
  out: string;
}

export const USAGE = `npm run load:gateway -- [options]
  --url URL          the gateway, or an edge in front of several   (http://127.0.0.1:3100)
  --redis URL        the Redis of that gateway                     (redis://127.0.0.1:6379)
  --prefix TEXT      its KEY_PREFIX                                (confab)
  --cluster          the Redis is a Redis Cluster
  --secret TEXT      its JWT_SECRET, to sign tokens with           (JWT_SECRET of the environment)
  --local            start a Redis and a gateway here instead
  --sockets N        sockets, each of a user of its own            (1000)
  --ramp N           new sockets a second                          (500)
  --rate N           events a second, each to one socket           (500)
  --payload BYTES    size of an event                              (600)
  --duration S       seconds of load                               (30)
  --out FOLDER       where the report goes                         (.data/load)
The gateway must allow it: MAX_SOCKETS_PER_ADDRESS >= sockets, HANDSHAKES_PER_SECOND >= ramp, open files (ulimit -n) on both sides.`;

/** @throws Error that says which option is wrong */
export function readOptions(args: string[], env: Record<string, string | undefined>): LoadOptions {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const { values } = parseArgs({
    args,
    options: {
      url: text('http://127.0.0.1:3100'),
      redis: text('redis://127.0.0.1:6379'),
      prefix: text('confab'),
      cluster: { type: 'boolean', default: false },
      secret: text(env.JWT_SECRET ?? ''),
      local: { type: 'boolean', default: false },
      sockets: text('1000'),
      ramp: text('500'),
      rate: text('500'),
      payload: text('600'),
      duration: text('30'),
      out: text('.data/load'),
    },
  });
  if (!values.local && values.secret === '') throw new Error('--secret is missing: the JWT_SECRET of the gateway');
  const number = (name: 'sockets' | 'ramp' | 'rate' | 'payload' | 'duration', minimum: number) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < minimum)
      throw new Error(`--${name} is not valid: a whole number, at least ${minimum}`);
    return value;
  };
  return {
    ...values,
    sockets: number('sockets', 1),
    ramp: number('ramp', 1),
    rate: number('rate', 1),
    payload: number('payload', 64),
    duration: number('duration', 1),
  };
}

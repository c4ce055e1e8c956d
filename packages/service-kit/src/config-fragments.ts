import Type from 'typebox';

/* Variables that several services share. Spread the fragments that a service needs into one `Type.Object`. */

export const logVariables = {
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    description: 'the least severe log level that is written',
    default: 'info',
    examples: ['info'],
  }),
};

/** @param port the service's own default port */
export const httpVariables = (port: number) => ({
  HOST: Type.String({
    description: 'the address that the service listens on',
    default: '0.0.0.0',
    examples: ['0.0.0.0'],
  }),
  PORT: Type.Integer({
    description: 'the port that the service listens on; 0 takes a free one',
    minimum: 0,
    maximum: 65_535,
    default: port,
    examples: [port],
  }),
});

export const redisVariables = {
  REDIS_URL: Type.String({
    description: 'the URL of Redis',
    pattern: '^rediss?://\\S+$',
    default: 'redis://localhost:6379',
    examples: ['redis://username:password@host:6379'],
  }),
  REDIS_CLUSTER: Type.Boolean({
    description: 'whether REDIS_URL names a node of a Redis Cluster',
    default: false,
    examples: [false],
  }),
  KEY_PREFIX: Type.String({
    description: 'the prefix of every Redis key, so that deployments can share one Redis',
    pattern: '^[A-Za-z0-9_.:-]{1,64}$',
    default: 'confab',
    examples: ['confab'],
  }),
};

/** Bounds of what the streams keep, the same in all services. docs/operations.md has what they mean in memory. */
export const streamVariables = {
  INBOX_LENGTH: Type.Integer({
    description: "entries that one gateway's inbox keeps, about; one that is further behind has its clients sync",
    minimum: 100,
    maximum: 1_000_000,
    default: 10_000,
    examples: [10_000],
  }),
  RECEIPTS_LENGTH: Type.Integer({
    description: 'unprocessed entries that each of the 4 partitions of the receipts log keeps, about',
    minimum: 1_000,
    maximum: 10_000_000,
    default: 100_000,
    examples: [100_000],
  }),
  FEED_LENGTH: Type.Integer({
    description: 'entries that each of the 4 partitions of the feed for other consumers keeps, about',
    minimum: 100,
    maximum: 10_000_000,
    default: 20_000,
    examples: [20_000],
  }),
};

export const mongoVariables = {
  MONGODB_URL: Type.String({
    description: 'the connection string of MongoDB',
    pattern: '^mongodb(\\+srv)?://\\S+$',
    default: 'mongodb://localhost:27017',
    examples: ['mongodb+srv://username:password@cluster.example.com'],
  }),
  MONGODB_DATABASE: Type.String({
    description: 'the name of the database',
    pattern: '^[A-Za-z0-9_-]{1,63}$',
    default: 'confab',
    examples: ['confab'],
  }),
};

export const corsVariables = {
  CLIENT_URL: Type.Array(Type.String({ pattern: '^https?://[^/\\s?#@]+/?$' }), {
    description: 'the origins whose pages may use the service, exact (scheme, host and port)',
    default: ['http://localhost:3000'],
    examples: ['https://app.example.com,https://admin.example.com'],
  }),
};

export const proxyVariables = {
  TRUST_PROXY: Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' }), {
    description: 'the addresses or networks of your load balancers, whose X-Forwarded-For is believed',
    default: [],
    examples: ['10.0.0.0/8,fd00::/8'],
  }),
};

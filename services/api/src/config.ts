import { limits } from '@confab/contracts';
import { checkMedia, externalMediaVariables, mediaVariables } from '@confab/media';
import {
  checkJwt,
  corsVariables,
  type Environment,
  httpVariables,
  jwtVariables,
  loadConfig,
  logVariables,
  mongoVariables,
  proxyVariables,
  redisVariables,
  streamVariables,
  tracingVariables,
} from '@confab/service-kit';
import Type, { type Static } from 'typebox';

/** What a deployment decides about the chat itself; standalone takes these too. */
export const chatVariables = {
  MESSAGES_PER_MINUTE: Type.Integer({
    description: 'messages that one user may send in a minute, over all transports and nodes',
    minimum: 1,
    default: limits.messagesPerMinute,
    examples: [limits.messagesPerMinute],
  }),
  CONVERSATIONS_PER_HOUR: Type.Integer({
    description: 'new conversations that one user may create in an hour',
    minimum: 1,
    default: limits.conversationsPerHour,
    examples: [limits.conversationsPerHour],
  }),
  REQUIRE_KNOWN_USERS: Type.Boolean({
    description: 'whether a conversation can be opened only with users that were provisioned or seen',
    default: false,
    examples: [false],
  }),
  REQUESTS_PER_MINUTE_PER_ADDRESS: Type.Integer({
    description:
      'REST requests that one address may make in a minute, against abuse; users behind one address share it',
    minimum: 1,
    default: 6_000,
    examples: [6_000],
  }),
  REQUESTS_PER_MINUTE_PER_USER: Type.Integer({
    description:
      'REST requests that one user may make in a minute, over all transports and nodes; sends over sockets are among them, so give it more where you give MESSAGES_PER_MINUTE more',
    minimum: 1,
    default: 1_200,
    examples: [1_200],
  }),
  BODY_LIMIT: Type.Integer({
    description:
      'the size of one request body at most, in bytes; lists of members and of profiles may have as many as their lengths allow',
    minimum: 1_024,
    default: limits.bodyBytes,
    examples: [limits.bodyBytes],
  }),
  ...externalMediaVariables,
  MAX_IN_FLIGHT: Type.Integer({
    description: 'requests that the api works on at the same time; one more is refused as overloaded',
    minimum: 1,
    default: 1_000,
    examples: [1_000],
  }),
};

export const ApiConfig = Type.Object({
  ...logVariables,
  ...httpVariables(3101),
  ...mongoVariables,
  MONGODB_POOL_SIZE: Type.Integer({
    description: 'connections to MongoDB at most',
    minimum: 1,
    maximum: 1_000,
    default: 50,
    examples: [50],
  }),
  ...redisVariables,
  ...streamVariables,
  ...jwtVariables,
  ...corsVariables,
  ...proxyVariables,
  ...tracingVariables,
  ...chatVariables,
  ...mediaVariables,
  FAILPOINT: Type.Optional(
    Type.String({
      description: 'for tests of crashes only: ends the process between two writes, the n-th time that it comes there',
      pattern:
        '^(seq-taken|message-stored|change-marked|change-numbered|media-claimed|media-condemned)(:[1-9][0-9]{0,5})?$',
      examples: ['message-stored:3'],
    }),
  ),
});
export type ApiConfig = Static<typeof ApiConfig>;

/** @throws ConfigError that names every bad variable with its fix */
export const loadApiConfig = (env: Environment): ApiConfig => loadConfig(ApiConfig, env, [checkJwt, checkMedia]);

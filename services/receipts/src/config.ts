import { checkMedia, mediaVariables } from '@confab/media';
import {
  type Environment,
  httpVariables,
  loadConfig,
  logVariables,
  mongoVariables,
  redisVariables,
  streamVariables,
  tracingVariables,
} from '@confab/service-kit';
import Type, { type Static } from 'typebox';

export const ReceiptsConfig = Type.Object({
  ...logVariables,
  ...httpVariables(3103),
  ...mongoVariables,
  ...redisVariables,
  ...streamVariables,
  ...mediaVariables,
  ...tracingVariables,
  WORKER_NAME: Type.Optional(
    Type.String({
      description:
        'the stable name of this worker in its consumer group (the host name if absent): after a restart it takes up what it had',
      pattern: '^[A-Za-z0-9_.-]{1,100}$',
      examples: ['receipts-0'],
    }),
  ),
});
export type ReceiptsConfig = Static<typeof ReceiptsConfig>;

/** @throws ConfigError that names every bad variable with its fix */
export const loadReceiptsConfig = (env: Environment): ReceiptsConfig => loadConfig(ReceiptsConfig, env, [checkMedia]);

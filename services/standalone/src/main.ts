import { createLogger, runService } from '@confab/service-kit';
import { welcome } from './demo.ts';
import { plainLog } from './plain-log.ts';
import { startStandalone } from './standalone.ts';

const { LOG_LEVEL } = process.env;
// A person reads this: plain lines of what is wrong, unless a level is asked for.
const logger = LOG_LEVEL
  ? createLogger({ name: 'standalone', level: LOG_LEVEL })
  : createLogger({ name: 'standalone', level: 'warn', destination: plainLog((text) => process.stderr.write(text)) });

await runService({
  name: 'standalone',
  logger,
  start: async () => {
    const standalone = await startStandalone(process.env, logger);
    process.stdout.write(welcome(standalone.url, standalone.demo));
    logger.info({ port: standalone.port }, 'listening');
    return standalone;
  },
});

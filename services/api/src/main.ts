import { runService } from '@confab/service-kit';
import { startApiService } from './service.ts';

await runService({ name: 'api', start: () => startApiService(process.env) });

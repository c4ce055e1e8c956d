import { runService } from '@confab/service-kit';
import { startReceiptsService } from './service.ts';

await runService({ name: 'receipts', start: () => startReceiptsService(process.env) });

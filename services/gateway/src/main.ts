import { runService } from '@confab/service-kit';
import { startGatewayService } from './service.ts';

await runService({ name: 'gateway', start: () => startGatewayService(process.env) });

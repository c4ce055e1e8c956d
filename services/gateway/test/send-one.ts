import { settledValue } from '@confab/chat';
import type { SendMessageBody } from '@confab/contracts';
import type { ApiCaller, ApiClient } from '../src/api-client.ts';

/** One send by itself. @throws why it failed */
export async function sendOne(client: ApiClient, caller: ApiCaller, body: SendMessageBody) {
  const [outcome] = await client.sendMessages(caller, [{ traceId: caller.traceId, body, cameAt: performance.now() }]);
  return settledValue(outcome);
}

import { createApi, loadApiConfig } from '@confab/api';
import { createMemoryBus } from '@confab/memory';
import { connectMongo } from '@confab/mongo';
import { createLogger } from '@confab/service-kit';

/** The OpenAPI document that an api over the store at `mongodbUrl` serves at /docs/json. */
export async function openApi(mongodbUrl: string, database: string): Promise<object> {
  const store = await connectMongo({ url: mongodbUrl, database });
  const logger = createLogger({ name: 'docs', level: 'silent' });
  const config = loadApiConfig({ JWT_SECRET: 'only-to-build-the-documentation-0123456789' });
  const api = await createApi({ config, store, bus: createMemoryBus().api, logger });
  try {
    return api.app.swagger();
  } finally {
    await api.close();
    await store.db.dropDatabase();
    await store.close();
  }
}

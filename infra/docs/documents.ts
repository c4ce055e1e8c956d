import { ApiConfig } from '@confab/api';
import { GatewayConfig } from '@confab/gateway';
import { ReceiptsConfig } from '@confab/receipts';
import { type ConfigVariable, configTable, describeConfig, envExample } from '@confab/service-kit';
import { StandaloneConfig } from '@confab/standalone';
import { asyncApi } from './asyncapi.ts';
import { errorsDocument } from './errors.ts';
import { openApi } from './openapi.ts';

const SERVICES = {
  api: ApiConfig,
  gateway: GatewayConfig,
  receipts: ReceiptsConfig,
  standalone: StandaloneConfig,
} as const;

/** Every generated document: its path from the root, and its text. */
export async function generatedDocuments(mongodbUrl: string, database: string): Promise<Map<string, string>> {
  return new Map([
    ['docs/api/openapi.json', toJson(await openApi(mongodbUrl, database))],
    ['docs/api/asyncapi.json', toJson(asyncApi())],
    ['docs/configuration.md', configuration()],
    ['docs/errors.md', errorsDocument()],
    ['.env.example', environment()],
  ]);
}

const toJson = (document: object): string => `${JSON.stringify(document, null, 2)}\n`;

function configuration(): string {
  const sections = Object.entries(SERVICES).map(
    ([name, schema]) => `## ${name}\n\n${configTable(describeConfig(schema))}\n`,
  );
  return `# Configuration\n\nEvery service reads its environment once at its start, and says what is wrong by name.\nThis file is generated from the schemas: \`npm run docs:api\`.\n\n${sections.join('\n')}`;
}

/** Every variable once, with the services that read it. */
function environment(): string {
  const variables = new Map<string, ConfigVariable & { services: string[] }>();
  for (const [service, schema] of Object.entries(SERVICES)) {
    for (const variable of describeConfig(schema)) {
      const known = variables.get(variable.name);
      if (known) known.services.push(service);
      else variables.set(variable.name, { ...variable, services: [service] });
    }
  }
  const described = [...variables.values()].map((v) => ({
    ...v,
    required: v.name === 'JWT_SECRET',
    description: `[${v.services.join(', ')}] ${v.description}`,
  }));
  return `# Every variable of every service, generated from the schemas (npm run docs:api). Copy what you need into your deployment.\n\n${envExample(described)}`;
}

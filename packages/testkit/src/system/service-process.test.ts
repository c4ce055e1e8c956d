import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { NODE_FLAGS, type ServiceName } from './service-process.ts';

it.each(Object.keys(NODE_FLAGS) as ServiceName[])('%s is started with the flags of Node that its image has', (name) => {
  const dockerfile = readFileSync(new URL(`../../../../services/${name}/Dockerfile`, import.meta.url), 'utf8');
  const command = /^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]';
  expect(JSON.parse(command)).toEqual(['node', ...NODE_FLAGS[name], 'dist/main.js']);
});

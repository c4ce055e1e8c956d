import { gzipSync } from 'node:zlib';
import { build } from 'vite';

/** Bytes, gzipped, that the client may weigh without socket.io-client and react. Source: product budget. */
export const BUDGET = 15 * 1024;

/** Bundles the client as an application would. @returns gzipped bytes of each entry */
export async function measure(): Promise<Record<string, number>> {
  const root = new URL('.', import.meta.url).pathname;
  const sizes: Record<string, number> = {};
  for (const entry of ['src/index.ts', 'src/react/index.ts']) {
    const result = await build({
      root,
      configFile: false,
      logLevel: 'silent',
      resolve: { conditions: ['confab-source'] },
      build: {
        write: false,
        minify: true,
        target: 'es2022',
        lib: { entry, formats: ['es'] },
        rollupOptions: { external: [/^socket\.io-client/, /^react/] },
      },
    });
    const outputs = (Array.isArray(result) ? result : [result]) as { output: { type: string; code?: string }[] }[];
    const code = outputs.flatMap(({ output }) => output.map((file) => file.code ?? '')).join('');
    sizes[entry] = gzipSync(code, { level: 9 }).length;
  }
  return sizes;
}

if (import.meta.main) {
  const sizes = await measure();
  for (const [entry, size] of Object.entries(sizes)) console.log(`${entry}: ${size} bytes gzipped, budget ${BUDGET}`);
  if (Object.values(sizes).some((size) => size > BUDGET)) throw new Error('The client is over its budget');
}

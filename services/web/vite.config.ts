import { readdir, readFile, writeFile } from 'node:fs/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { metaContentSecurityPolicy } from './content-security-policy.ts';

/** Where a development server finds the chat server. */
const server = 'http://localhost:3100';
/** What goes there says that it comes from a page of the server's own, the only kind that it lets in: the development server has another port. */
const proxied = { target: server, headers: { origin: server } };

/** Puts the policy into the built page: it holds even where a server forgets to send it. */
const policy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: metaContentSecurityPolicy() },
      injectTo: 'head-prepend',
    },
  ],
};

/** Leaves .br and .gz beside each text file, for servers that send them as they are. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  writeBundle: async ({ dir = 'dist' }) => {
    const files = await readdir(dir, { recursive: true });
    for (const file of files.filter((name) => /\.(html|js|css|svg)$/.test(name))) {
      const content = await readFile(`${dir}/${file}`);
      await writeFile(`${dir}/${file}.br`, brotliCompressSync(content));
      await writeFile(`${dir}/${file}.gz`, gzipSync(content, { level: 9 }));
    }
  },
};

export default defineConfig({
  plugins: [react(), policy, compressed],
  resolve: { conditions: ['confab-source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    // Nothing inline: the policy forbids data: and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': proxied,
      '/demo': proxied,
      '/socket.io': { ...proxied, ws: true },
    },
  },
});

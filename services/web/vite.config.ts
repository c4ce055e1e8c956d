import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { metaContentSecurityPolicy } from './content-security-policy.ts';

/** Where a development server finds the chat server. */
const server = 'http://localhost:3100';

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

export default defineConfig({
  plugins: [react(), policy],
  resolve: { conditions: ['confab-source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    // Nothing inline: the policy forbids data: and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': server,
      '/demo': server,
      '/socket.io': { target: server, ws: true },
    },
  },
});

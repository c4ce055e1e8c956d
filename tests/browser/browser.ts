import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { tempDir } from '@confab/testkit';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import type { ChatServer } from './chat-server.ts';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
export const SCREENS = fileURLToPath(new URL('../../.data/screens/', import.meta.url));

export type ThemeName = 'light' | 'dark';

export interface PersonOptions {
  width?: number;
  height?: number;
  theme?: ThemeName;
  touch?: boolean;
}

/** Somebody at a browser of their own. */
export interface Person {
  page: Page;
  context: BrowserContext;
  /** Errors of the page and of its policy; 404 of what a server does not have is none. */
  problems: string[];
  close(): Promise<void>;
}

/** Opens the page as a user, in a browser with a new, empty profile. */
export async function openAs(server: ChatServer, userId: string, options: PersonOptions = {}): Promise<Person> {
  const person = await openBrowser(options);
  const { page } = person;
  await page.addInitScript(
    (session) => {
      if (!sessionStorage.getItem('confab.session')) sessionStorage.setItem('confab.session', session);
    },
    JSON.stringify({ token: server.token(userId) }),
  );
  const seen: string[] = [];
  page.on('response', (reply) => reply.status() >= 400 && seen.push(`${reply.status()} ${reply.url()}`));
  page.on('requestfailed', (request) => seen.push(`${request.failure()?.errorText} ${request.url()}`));
  page.on('websocket', (socket) => {
    seen.push(`socket ${socket.url()}`);
    socket.on('framereceived', ({ payload }) => seen.push(`< ${String(payload).slice(0, 120)}`));
    socket.on('close', () => seen.push('socket closed'));
  });
  await page.goto(server.url);
  const ready = page.locator('.sidebar-state[data-state=live]').or(page.locator('.chat-page[data-shows=conversation]'));
  await ready.waitFor().catch(async (error: Error) => {
    const shown = await page.locator('body').textContent();
    throw new Error(`${error.message}\nThe page of ${userId} shows: ${shown}\nIt saw:\n${seen.join('\n')}`);
  });
  return person;
}

export async function openBrowser(options: PersonOptions = {}): Promise<Person> {
  const { width = 1440, height = 900, theme = 'light', touch = false } = options;
  const profile = await tempDir('profile');
  const context = await chromium.launchPersistentContext(profile.path, {
    executablePath: '/usr/bin/chromium',
    args: FLAGS,
    viewport: { width, height },
    colorScheme: theme,
    hasTouch: touch,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error.stack ?? error)));
  page.on('console', (line) => {
    const harmless = /Failed to load resource|WebSocket connection to/.test(line.text());
    if (line.type() === 'error' && !harmless) problems.push(line.text());
  });
  const close = async () => {
    await context.close();
    await profile.remove();
  };
  return { page, context, problems, close };
}

export async function openConversation(page: Page, title: string): Promise<void> {
  await page.locator('.conversation-row', { hasText: title }).click();
  await page.locator('.composer-field').waitFor();
}

export async function write(page: Page, text: string): Promise<void> {
  await page.locator('.composer-field').fill(text);
  await page.locator('.composer-field').press('Enter');
}

/** The texts of the messages that are rendered, from top to bottom. */
export function texts(page: Page): Promise<string[]> {
  return page.locator('.message-row .message-text').allInnerTexts();
}

export function bubble(page: Page, text: string) {
  return page.locator('.message-row', { hasText: text });
}

export async function screenshot(page: Page, name: string): Promise<void> {
  await mkdir(SCREENS, { recursive: true });
  await page.screenshot({ path: `${SCREENS}${name}.png`, animations: 'disabled' });
}

interface AxeViolation {
  id: string;
  help: string;
  nodes: { target: unknown; failureSummary?: string }[];
}

/** What axe finds wrong with the page as it is, in words. */
export async function axeViolations(page: Page): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // Through the debugger's protocol, not as a script element: the page's policy stays in force.
  await page.evaluate(source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: AxeViolation[] }> } };
    return (await axe.run()).violations;
  });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help} at ${JSON.stringify(node.target)}: ${node.failureSummary ?? ''}`),
  );
}

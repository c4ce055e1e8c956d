import type { TestProject } from 'vitest/node';
import { findMongo } from './stores.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    confabMongo: { url: string } | { problem: string };
  }
}

/** Finds or starts one MongoDB for the whole run. Tests that need none run even where there is none. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const mongo = await findMongo();
    process.stdout.write(`MongoDB of this run: ${mongo.source}\n`);
    project.provide('confabMongo', { url: mongo.url });
    return mongo.stop;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    process.stdout.write(`MongoDB of this run: none (${problem})\n`);
    project.provide('confabMongo', { problem });
    return async () => {};
  }
}

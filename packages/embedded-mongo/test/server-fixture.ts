/** A server in a worker thread on a folder of its own, and a client of the official driver. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type MongoClientOptions } from 'mongodb';
import { type EmbeddedMongo, type EmbeddedMongoOptions, startEmbeddedMongo } from '../src/index.ts';

export interface Fixture {
  readonly folder: string;
  readonly server: EmbeddedMongo;
  readonly client: MongoClient;
  /** Stops the server and starts another one on the same folder. */
  restart(): Promise<Fixture>;
  stop(): Promise<void>;
}

export async function startFixture(
  options: Partial<EmbeddedMongoOptions> = {},
  clientOptions: MongoClientOptions = {},
): Promise<Fixture> {
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'embedded-mongo-')));
  const server = await startEmbeddedMongo({ port: 0, ...options, dataDir: folder });
  const client = new MongoClient(server.url, clientOptions);
  const close = async () => {
    await client.close();
    await server.close();
  };
  return {
    folder,
    server,
    client,
    restart: async () => {
      await close();
      return startFixture({ ...options, dataDir: folder }, clientOptions);
    },
    stop: async () => {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

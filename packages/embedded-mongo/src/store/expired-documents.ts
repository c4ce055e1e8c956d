/** Removes documents whose TTL index says that they have expired. */
import type { Engine } from '../engine.ts';
import type { Collection } from './collection.ts';
import type { IndexDefinition } from './index-definition.ts';

const BATCH = 500;

/** The store is closing, or full, or the index is broken: the others are swept all the same, and the next sweep tries again. */
const untilNextSweep = () => {};

export class ExpiredDocuments {
  private readonly engine: Engine;
  private readonly timer: NodeJS.Timeout;
  private running = false;

  constructor(engine: Engine, intervalMs: number) {
    this.engine = engine;
    this.timer = setInterval(() => void this.sweep(), intervalMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async sweep(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (const collection of this.engine.catalog.all()) {
      for (const index of collection.indexes) {
        if (index.expireAfterSeconds !== undefined) await this.removeExpired(collection, index).catch(untilNextSweep);
      }
    }
    this.running = false;
  }

  private async removeExpired(collection: Collection, index: IndexDefinition): Promise<void> {
    const path = index.fields[0]!.path.text;
    const limit = new Date(this.engine.now().getTime() - index.expireAfterSeconds! * 1000);
    let removed = BATCH;
    while (removed === BATCH && !collection.dropped) {
      removed = await this.engine.store.writer.write(
        () => {
          const filter = { [path]: { $lt: limit } };
          const cursor = this.engine.open(collection, { filter, hint: index.name, limit: BATCH });
          const records: number[] = [];
          for (let document = cursor.step(); document !== undefined; document = cursor.step()) {
            if (document) records.push(cursor.record);
          }
          for (const record of records) collection.remove(record, collection.read(record)!);
          return records.length;
        },
        false,
        false,
      );
    }
  }
}

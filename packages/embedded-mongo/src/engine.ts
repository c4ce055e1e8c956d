/** The database behind the protocol: store, catalog, open cursors, background work. */
import type { Document } from 'bson';
import { ObjectId } from 'bson';
import { compileExpressionTest } from './aggregate/expression-test.ts';
import type { Collation } from './bson/collation.ts';
import { OpenCursors } from './commands/open-cursors.ts';
import { type CursorOptions, type DocumentCursor, emptyCursor, openCursor } from './query/document-cursor.ts';
import { compileFilter, compileNode, type FilterContext, type FilterNode, parseFilter } from './query/filter.ts';
import { type Plan, planQuery } from './query/planner.ts';
import { Catalog } from './store/catalog.ts';
import type { Collection } from './store/collection.ts';
import { lockDataFolder } from './store/data-folder.ts';
import { ExpiredDocuments } from './store/expired-documents.ts';
import type { RawMatcher } from './store/index-definition.ts';
import { KeyValueStore } from './store/key-value-store.ts';

export interface EngineOptions {
  readonly dataDir: string;
  /** How often documents of TTL indexes are removed, in milliseconds (MongoDB: 60,000). */
  readonly ttlIntervalMs?: number;
  /** How long a cursor may lie unused, in milliseconds (MongoDB: 600,000). */
  readonly cursorTimeoutMs?: number;
  /** The clock, for TTL and $currentDate. */
  readonly now?: () => Date;
}

/** What a query asks for, as documents. */
export interface QuerySpec extends CursorOptions {
  readonly filter: Document;
  readonly hint?: unknown;
  readonly variables?: Document | undefined;
}

export class Engine {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly cursors: OpenCursors;
  readonly now: () => Date;
  readonly started: number;
  private readonly unlock: () => void;
  private readonly expired: ExpiredDocuments;
  private closing = false;

  /** Opens the data folder; throws DataFolderError when it cannot be used. */
  constructor(options: EngineOptions) {
    this.unlock = lockDataFolder(options.dataDir);
    this.now = options.now ?? (() => new Date());
    this.started = Date.now();
    try {
      this.store = new KeyValueStore(options.dataDir, {
        beforeCommit: () => this.catalog.writeDirty(),
        afterAbort: () => this.catalog.load(),
      });
      this.catalog = new Catalog(this.store, (filter) => compileFilter(filter));
      this.catalog.load();
    } catch (error) {
      this.unlock();
      throw error;
    }
    this.cursors = new OpenCursors(options.cursorTimeoutMs ?? 600_000);
    this.expired = new ExpiredDocuments(this, options.ttlIntervalMs ?? 60_000);
    void this.collectGarbage();
  }

  newObjectId(): Buffer {
    return Buffer.from(new ObjectId().id);
  }

  /** How filters of a command are read. */
  filterContext(collation: Collation | undefined, variables?: Document): FilterContext {
    return {
      collation,
      compileExpression: (expression) => compileExpressionTest(expression, { collation, variables, now: this.now() }),
    };
  }

  parse(spec: QuerySpec): FilterNode {
    return parseFilter(spec.filter, this.filterContext(spec.collation, spec.variables));
  }

  /** The test of a filter on raw documents. */
  matcher(spec: QuerySpec): RawMatcher {
    return compileNode(this.parse(spec));
  }

  plan(collection: Collection, spec: QuerySpec): Plan {
    const collated = spec.collation !== undefined;
    return planQuery(collection, { filter: this.parse(spec), sort: spec.sort, hint: spec.hint, collated });
  }

  /** Documents of a query, raw; none when there is no such collection. */
  open(collection: Collection | undefined, spec: QuerySpec): DocumentCursor {
    if (collection) return openCursor(this.store, collection, this.plan(collection, spec), spec);
    this.parse(spec); // a wrong filter is an error all the same
    return emptyCursor();
  }

  /** Removes the keys of dropped collections a little at a time. */
  async collectGarbage(): Promise<void> {
    try {
      let more = true;
      while (more && !this.closing) {
        more = await this.store.writer.write(() => this.catalog.collectGarbage(2000), false, false);
      }
    } catch {
      // no disk left: the marks stay, and the next drop or start goes on
    }
  }

  async close(): Promise<void> {
    this.closing = true;
    this.expired.stop();
    this.cursors.close();
    try {
      await this.store.close();
    } finally {
      this.unlock();
    }
  }
}

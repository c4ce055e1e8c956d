import { Counter, Gauge, type Registry } from 'prom-client';

/** The part of a MongoClient that tells of its connection pool (CMAP events). */
export interface PooledClient {
  on(event: string, listener: () => void): unknown;
}

/** Measures the use of a store's connection pool. @param max connections at most */
export function measureStorePool(registry: Registry, client: PooledClient, max: number): void {
  const registers = [registry];
  const inUse = new Gauge({ name: 'confab_store_pool_in_use', help: 'Connections to the store in use', registers });
  new Gauge({ name: 'confab_store_pool_max', help: 'Connections to the store at most', registers }).set(max);
  const failures = new Counter({
    name: 'confab_store_pool_checkout_failures_total',
    help: 'Times that no connection to the store was to be had in time',
    registers,
  });
  client.on('connectionCheckedOut', () => inUse.inc());
  client.on('connectionCheckedIn', () => inUse.dec());
  client.on('connectionCheckOutFailed', () => failures.inc());
}

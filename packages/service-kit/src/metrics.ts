import { collectDefaultMetrics, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricsOptions {
  /** The service, as a label on everything. */
  service: string;
  /** Also measure the process (memory, CPU, garbage collection, event loop lag). Once per process; true if absent. */
  process?: boolean;
}

/** A registry of its own, so that several services can live in one process. */
export function createMetrics({ service, process = true }: MetricsOptions): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (process) collectDefaultMetrics({ register: registry });
  return registry;
}

import { Counter, Gauge, type LagProbe, type Registry } from '@confab/service-kit';

/** What the gauges are read from, when somebody asks. */
export interface WorkerReadings {
  lag: LagProbe;
  backlog(): Promise<{ pending: number; unread: number }>;
  deadLetters(): Promise<number>;
}

export interface WorkerCounters {
  applied: Counter<'type'>;
  deadLettered: Counter;
  relayed: Counter;
  wentOffline: Counter;
  reaped: Counter;
  taskFailures: Counter<'task'>;
}

export function createWorkerMetrics(registry: Registry, { lag, backlog, deadLetters }: WorkerReadings): WorkerCounters {
  const registers = [registry];
  new Gauge({
    name: 'confab_receipts_event_loop_lag_seconds',
    help: 'Mean delay of the event loop in the last second',
    registers,
    collect() {
      this.set(lag.meanMs() / 1_000);
    },
  });
  new Gauge({
    name: 'confab_receipts_backlog',
    help: 'Receipts of the log that are not processed yet: unread, or read and pending',
    labelNames: ['state'],
    registers,
    async collect() {
      const { pending, unread } = await backlog();
      this.set({ state: 'pending' }, pending);
      this.set({ state: 'unread' }, unread);
    },
  });
  new Gauge({
    name: 'confab_receipts_dead_letters',
    help: 'Receipts that were set aside and wait for an operator',
    registers,
    async collect() {
      this.set(await deadLetters());
    },
  });
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name: `confab_receipts_${name}_total`, help, labelNames, registers });
  return {
    applied: counter('applied', 'Receipts applied', ['type']),
    deadLettered: counter('dead_lettered', 'Receipts set aside as dead letters'),
    relayed: counter('relayed_messages', 'Messages that the relay published, because their writer had not'),
    wentOffline: counter('went_offline', 'Users told offline'),
    reaped: counter('reaped_gateways', 'Gateway instances whose lease ran out'),
    taskFailures: counter('task_failures', 'Runs of periodic tasks that failed', ['task']),
  };
}

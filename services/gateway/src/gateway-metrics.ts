import { Counter, Gauge, Histogram, type Registry } from '@confab/service-kit';

/** What the gauges are read from, when somebody asks. */
export interface GatewayReadings {
  sockets(): number;
  users(): number;
  heldBytes(): number;
  inboxIdleMs(): number;
  leaseIdleMs(): number;
  apiInFlight(): number;
  receiptsWaiting(): number;
  receiptsDropped(): number;
  eventLoopLagMs(): number;
  /** Milliseconds from an event's writing to its push, for the last one pushed. */
  inboxLagMs(): number;
  /** Events in the inbox that were not read yet. */
  inboxDepth(): Promise<number>;
}

export interface GatewayCounters {
  pushed: Counter<'event'>;
  received: Counter<'event' | 'outcome'>;
  sessionsEnded: Counter<'code'>;
  refused: Counter<'reason'>;
  gaps: Counter;
  pushLatency: Histogram;
}

/** Seconds. Source: the bar from send to receive is 150 ms at p99; beyond 2.5 s a person has given up. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createGatewayMetrics(registry: Registry, readings: GatewayReadings): GatewayCounters {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `confab_gateway_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('sockets', 'Connected sockets', readings.sockets);
  gauge('users', 'Users with a connected socket', readings.users);
  gauge('held_bytes', 'Bytes that clients have not read yet', readings.heldBytes);
  gauge('inbox_idle_seconds', 'Time since the inbox reader heard from the bus', () => readings.inboxIdleMs() / 1_000);
  gauge('inbox_lag_seconds', 'Age of the last event when it was pushed', () => readings.inboxLagMs() / 1_000);
  gauge('lease_idle_seconds', 'Time since the lease was renewed', () => readings.leaseIdleMs() / 1_000);
  gauge('api_in_flight', 'Requests that wait for the api', readings.apiInFlight);
  gauge('receipts_waiting', 'Receipts that wait for the bus', readings.receiptsWaiting);
  gauge(
    'event_loop_lag_seconds',
    'Mean delay of the event loop in the last second',
    () => readings.eventLoopLagMs() / 1_000,
  );

  new Gauge({
    name: 'confab_gateway_inbox_depth',
    help: 'Entries in the inbox of this gateway that it has not read yet; under load an entry packs several events',
    registers,
    async collect() {
      this.set(await readings.inboxDepth());
    },
  });

  new Counter({
    name: 'confab_gateway_receipts_dropped_total',
    help: 'Receipts dropped because too many waited',
    registers,
    collect() {
      this.reset();
      this.inc(readings.receiptsDropped());
    },
  });

  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name: `confab_gateway_${name}_total`, help, labelNames, registers });
  return {
    pushed: counter('pushed_events', 'Events of the inbox that were pushed', ['event']),
    received: counter('received_events', 'Events of clients', ['event', 'outcome']),
    sessionsEnded: counter('sessions_ended', 'Sockets that the gateway ended', ['code']),
    refused: counter('refused_connections', 'Connections that were refused or cut before authentication', ['reason']),
    gaps: counter('inbox_gaps', 'Gaps in the inbox', []),
    pushLatency: new Histogram({
      name: 'confab_gateway_push_latency_seconds',
      help: 'From the publishing of an event, through the stream, to its push',
      registers,
      buckets: LATENCY_BUCKETS,
    }),
  };
}

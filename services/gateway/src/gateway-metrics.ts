import { Counter, Gauge, type Registry } from '@confab/service-kit';

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
}

export interface GatewayCounters {
  pushed: Counter<'event'>;
  received: Counter<'event' | 'outcome'>;
  sessionsEnded: Counter<'code'>;
  refused: Counter<'reason'>;
  gaps: Counter;
}

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
  gauge('receipts_dropped', 'Receipts dropped since the start because too many waited', readings.receiptsDropped);
  gauge(
    'event_loop_lag_seconds',
    'Mean delay of the event loop in the last second',
    () => readings.eventLoopLagMs() / 1_000,
  );

  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name: `confab_gateway_${name}_total`, help, labelNames, registers });
  return {
    pushed: counter('pushed_events', 'Events of the inbox that were pushed', ['event']),
    received: counter('received_events', 'Events of clients', ['event', 'outcome']),
    sessionsEnded: counter('sessions_ended', 'Sockets that the gateway ended', ['code']),
    refused: counter('refused_connections', 'Connections that were refused or cut before authentication', ['reason']),
    gaps: counter('inbox_gaps', 'Gaps in the inbox', []),
  };
}

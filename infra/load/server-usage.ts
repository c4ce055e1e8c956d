/** What the gateway says of itself at `/metrics`. */
export interface ServerReading {
  /** Unix milliseconds. */
  at: number;
  cpuSeconds: number;
  memoryBytes: number;
  sockets: number;
  inboxDepth: number;
}

/** @returns undefined where the metrics cannot be reached: an edge does not show them */
export async function readServer(url: string): Promise<ServerReading | undefined> {
  try {
    const response = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(2_000) });
    const text = await response.text();
    const value = (name: string) =>
      Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
    const reading = {
      at: Date.now(),
      cpuSeconds: value('process_cpu_seconds_total'),
      memoryBytes: value('process_resident_memory_bytes'),
      sockets: value('confab_gateway_sockets'),
      inboxDepth: value('confab_gateway_inbox_depth'),
    };
    return response.ok && Number.isFinite(reading.cpuSeconds) ? reading : undefined;
  } catch {
    return undefined;
  }
}

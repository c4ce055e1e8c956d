import { cpuSeconds, machineTime, stolenShare } from './proc.ts';

/** What one run of one side gave. */
export interface Measurement {
  value: number;
  /** CPU seconds of each process that was watched. */
  cpu: Record<string, number>;
  wallMs: number;
  /** 0 to 1. */
  stolen: number;
  /** Milliseconds that the generator was behind its own plan (99th percentile); 0 where it has no plan. */
  lateMs: number;
}

export interface Observed<T> extends Omit<Measurement, 'value' | 'lateMs'> {
  result: T;
}

/** Does the work, and says what it cost each of the processes. */
export async function observe<T>(pids: Record<string, number>, work: () => Promise<T>): Promise<Observed<T>> {
  const names = Object.keys(pids);
  const read = () => Promise.all(names.map((name) => cpuSeconds(pids[name] as number)));
  const [machineBefore, before] = await Promise.all([machineTime(), read()]);
  const startedAt = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const [machineAfter, after] = await Promise.all([machineTime(), read()]);
  const cpu = Object.fromEntries(names.map((name, i) => [name, (after[i] as number) - (before[i] as number)]));
  return { result, wallMs, cpu, stolen: stolenShare(machineBefore, machineAfter) };
}

/** CPU seconds of all watched processes together. */
export const totalCpu = (cpu: Record<string, number>): number => Object.values(cpu).reduce((sum, s) => sum + s, 0);

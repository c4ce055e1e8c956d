import { readFile } from 'node:fs/promises';

/** Jiffies of all processors together, from the first line of /proc/stat. */
export interface MachineTime {
  total: number;
  /** Taken by the hypervisor for others. */
  stolen: number;
}

/** Ticks per second in which /proc/PID/stat counts. Source: USER_HZ, which Linux fixes at 100 for this interface. */
const TICKS = 100;

/** @throws Error if it is not the text of /proc/stat */
export function parseMachineTime(text: string): MachineTime {
  const line = text.split('\n').find((candidate) => candidate.startsWith('cpu '));
  if (!line) throw new Error('/proc/stat has no line "cpu"');
  // user nice system idle iowait irq softirq steal; guest and guest_nice are in user and nice already
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  if (fields.length < 8 || fields.some(Number.isNaN)) throw new Error(`/proc/stat is not understood: ${line}`);
  return { total: fields.reduce((sum, value) => sum + value, 0), stolen: fields[7] as number };
}

/** The share (0 to 1) of the time between two looks that the hypervisor took away. */
export function stolenShare(before: MachineTime, after: MachineTime): number {
  const total = after.total - before.total;
  return total > 0 ? (after.stolen - before.stolen) / total : 0;
}

/** CPU seconds (user and system, all threads) from the text of /proc/PID/stat. @throws Error if it is none */
export function parseCpuSeconds(text: string): number {
  // The name in parentheses may have spaces and parentheses of its own: the fields are counted from its end.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  if (Number.isNaN(user) || Number.isNaN(system)) throw new Error('/proc/PID/stat is not understood');
  return (user + system) / TICKS;
}

/** Bytes of anonymous memory in use, from the text of /proc/PID/status. @throws Error if it is none */
export function parseAnonymousBytes(text: string): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kilobytes === undefined) throw new Error('/proc/PID/status has no RssAnon');
  return Number(kilobytes) * 1_024;
}

export const machineTime = async (): Promise<MachineTime> => parseMachineTime(await readFile('/proc/stat', 'utf8'));

/** CPU seconds that the process has used. @throws if it is gone */
export const cpuSeconds = async (pid: number): Promise<number> =>
  parseCpuSeconds(await readFile(`/proc/${pid}/stat`, 'utf8'));

/** Bytes that the process holds for itself. @throws if it is gone */
export const anonymousBytes = async (pid: number): Promise<number> =>
  parseAnonymousBytes(await readFile(`/proc/${pid}/status`, 'utf8'));

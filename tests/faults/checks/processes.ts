import { readFileSync } from 'node:fs';
import { megabytes, worst } from '../figures.ts';
import type { NamedService, Rig } from '../rig.ts';

/** Bytes that one process may have. Source: three times what an idle one has here; a leak under load passes it in minutes. */
const MEMORY_BOUND = 450 * 1024 ** 2;
const SAMPLE_MS = 500;

/** Bytes that a process holds in memory now; 0 if it is gone. */
export function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // killed a moment ago, on purpose
  }
}

/** Looks at the memory of all services again and again. */
export class MemoryWatch {
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(services: readonly NamedService[]) {
    const sample = () => {
      for (const { name, process } of services) {
        this.#peaks.set(name, Math.max(this.#peaks.get(name) ?? 0, residentBytes(process.pid)));
      }
    };
    sample();
    this.#timer = setInterval(sample, SAMPLE_MS);
  }

  get peak(): number {
    return worst([...this.#peaks.values()]);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  problems(): string[] {
    return [...this.#peaks]
      .filter(([, bytes]) => bytes > MEMORY_BOUND)
      .map(([name, bytes]) => `${name} held ${megabytes(bytes)}`);
  }
}

/** Invariant E, first half: what nobody killed is running, and no process ended over an error of its own. */
export function fallenProcesses(rig: Rig): string[] {
  return rig.services.flatMap((service) => {
    const problems = service.process.running ? [] : [`${service.name} is not running`];
    const fatal = rig.logLines(service).filter(({ level }) => level === 'fatal');
    return [...problems, ...fatal.map(({ msg }) => `${service.name}: ${msg}`)];
  });
}

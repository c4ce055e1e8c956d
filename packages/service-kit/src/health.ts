/** What a check found. `detail` is for the operator who reads it. */
export interface CheckResult {
  ok: boolean;
  detail?: string;
}

/** A readiness check. It asks for progress ("the inbox was read 300 ms ago"), not for existence ("the connection is open"). */
export interface ReadinessCheck {
  name: string;
  check(): CheckResult | Promise<CheckResult>;
}

export interface HealthReport {
  ok: boolean;
  checks: Record<string, CheckResult>;
}

export interface Health {
  /** @returns a function that removes the check again */
  add(check: ReadinessCheck): () => void;
  /** From now on not ready, whatever the checks say: the process is about to end. */
  drain(): void;
  /** The process answers at all. */
  live(): HealthReport;
  /** Every check passes, each within its deadline. */
  ready(): Promise<HealthReport>;
}

/** Milliseconds that one check may take. Source: probes of orchestrators give up after 1 s by default. */
const CHECK_DEADLINE_MS = 800;

export function createHealth(): Health {
  const checks = new Set<ReadinessCheck>();
  let draining = false;
  return {
    add(check) {
      checks.add(check);
      return () => checks.delete(check);
    },
    drain() {
      draining = true;
    },
    live: () => ({ ok: true, checks: {} }),
    async ready() {
      const results = await Promise.all([...checks].map(async (check) => [check.name, await runCheck(check)] as const));
      if (draining) results.push(['draining', { ok: false, detail: 'the process is about to end' }]);
      return { ok: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) };
    },
  };
}

async function runCheck(check: ReadinessCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, detail: `no answer within ${CHECK_DEADLINE_MS} ms` }),
      CHECK_DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([check.check(), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

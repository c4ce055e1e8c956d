/** The phases of an end, in their order. */
const PHASES = ['stop-intake', 'drain', 'close'] as const;
export type ShutdownPhase = (typeof PHASES)[number];

export interface ShutdownStep {
  name: string;
  phase: ShutdownPhase;
  /** Milliseconds after which the step counts as failed and the next one begins. */
  deadlineMs: number;
  run(): void | Promise<void>;
}

export interface ShutdownResult {
  /** Steps that threw or passed their deadline, with the reason. */
  failed: { step: string; reason: string }[];
}

export interface Shutdown {
  add(step: ShutdownStep): void;
  /** Runs everything once; further calls wait for the same run. Never throws: a step that fails does not keep the next from running. */
  run(): Promise<ShutdownResult>;
}

/**
 * Ends a service in order: all steps that stop intake, then those that drain, then those that close. Within `close` what was
 * opened last closes first; within the others, in the order of `add`.
 */
export function createShutdown(): Shutdown {
  const steps: ShutdownStep[] = [];
  let running: Promise<ShutdownResult> | undefined;
  return {
    add(step) {
      steps.push(step);
    },
    run() {
      running ??= runSteps(inOrder(steps));
      return running;
    },
  };
}

function inOrder(steps: readonly ShutdownStep[]): ShutdownStep[] {
  return PHASES.flatMap((phase) => {
    const ofPhase = steps.filter((step) => step.phase === phase);
    return phase === 'close' ? ofPhase.reverse() : ofPhase;
  });
}

async function runSteps(steps: ShutdownStep[]): Promise<ShutdownResult> {
  const failed: ShutdownResult['failed'] = [];
  for (const step of steps) {
    try {
      await withDeadline(step);
    } catch (error) {
      failed.push({ step: step.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { failed };
}

async function withDeadline(step: ShutdownStep): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${step.deadlineMs} ms`)), step.deadlineMs);
  });
  try {
    await Promise.race([step.run(), late]);
  } finally {
    clearTimeout(timer);
  }
}

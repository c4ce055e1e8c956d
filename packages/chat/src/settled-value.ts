/** What an outcome of several stands for by itself. @throws why it failed; Error if there is none, which is a defect of who did the work */
export function settledValue<T>(outcome: PromiseSettledResult<T> | undefined): T {
  if (outcome?.status === 'fulfilled') return outcome.value;
  throw outcome?.reason ?? new Error('a run gave no outcome for one of its calls');
}

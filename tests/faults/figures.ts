/** The value below which `share` (0 to 1) of the values are; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? sorted[0] ?? 0;
}

export const worst = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);

/** "850 ms", "4.2 s" */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return 'never';
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

export const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

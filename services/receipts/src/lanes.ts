/** Lanes at work at once. Source: a worker has 20 connections to the store, and periodic tasks that need some of them. */
const LANES = 10;

/**
 * Applies events of one key one after the other, in their order, and those of different keys side by side.
 * @throws what the first of them failed of, once nothing is under way any more; the others of its key were not tried
 */
export async function inLanes<T>(
  events: readonly T[],
  keyOf: (event: T) => string,
  apply: (event: T) => Promise<void>,
): Promise<void> {
  const lanes = Map.groupBy(events, keyOf).values();
  let failure: { error: unknown } | undefined;
  const work = async () => {
    for (const lane of lanes) {
      for (const event of lane) {
        if (failure) return;
        await apply(event).catch((error: unknown) => {
          failure ??= { error };
        });
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  if (failure) throw failure.error;
}

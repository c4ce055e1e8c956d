/** Factor between two rates that are tried. */
const STEP = 1.2;
const LOWEST = 10;
const HIGHEST = 20_000;

/**
 * Searches the highest rate that is held: up from a rate that is held until one is not, down from one that is not until one is.
 * @returns that rate, per second; 0 if not even the lowest is held
 */
export async function highestHeld(from: number, isHeld: (perSecond: number) => Promise<boolean>): Promise<number> {
  let rate = Math.max(from, LOWEST);
  if (await isHeld(rate)) {
    while (rate * STEP <= HIGHEST && (await isHeld(rate * STEP))) rate *= STEP;
    return rate;
  }
  while (rate / STEP >= LOWEST) {
    rate /= STEP;
    if (await isHeld(rate)) return rate;
  }
  return 0;
}

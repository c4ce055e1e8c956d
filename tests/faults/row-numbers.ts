/**
 * The rows that a command line names, all different.
 * @param text numbers with commas between them; none of them means all rows
 * @param known the rows that there are
 * @throws Error that names the rows there are, if one is named that there is not: a run of nothing would look like a run without a failure
 */
export function parseRowNumbers(text: string, known: readonly number[]): number[] {
  const named = text.split(',').filter((part) => part.trim() !== '');
  const unknown = named.filter((part) => !known.includes(Number(part)));
  if (unknown.length > 0) {
    const there = [...new Set(known)].toSorted((a, b) => a - b).join(', ');
    throw new Error(`--rows: there is no row ${unknown.join(', ')}; there are ${there}`);
  }
  return [...new Set(named.map(Number))];
}

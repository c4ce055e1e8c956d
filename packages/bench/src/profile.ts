/** Prints where the time of a profile went: `node --conditions=confab-source packages/bench/src/profile.ts FILE.cpuprofile`. */
import { readFile } from 'node:fs/promises';
import { summariseProfile } from './report/profile-summary.ts';

const LINES = 45;
const [file] = process.argv.slice(2);
if (!file) {
  console.error('usage: profile.ts FILE.cpuprofile');
  process.exitCode = 1;
} else {
  const { self, inclusive } = summariseProfile(JSON.parse(await readFile(file, 'utf8')));
  for (const [title, shares] of Object.entries({ self, inclusive })) {
    console.log(`\n${title}`);
    for (const { name, share } of shares.slice(0, LINES))
      console.log(`${(share * 100).toFixed(1).padStart(5)}%  ${name}`);
  }
}

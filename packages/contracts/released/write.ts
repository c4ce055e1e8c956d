/* Makes this build's contracts the released ones. Run it as part of a release, never to silence the check. */
import { writeFileSync } from 'node:fs';
import { currentContracts } from './current.ts';

writeFileSync(new URL('./schemas.json', import.meta.url), `${JSON.stringify(currentContracts(), null, 1)}\n`);

import { describeGuide } from './guide.suite.ts';
import { startSplit } from './system.ts';

describeGuide('split', () => startSplit());

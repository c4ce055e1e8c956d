import { describeGuide } from './guide.suite.ts';
import { startStandaloneSystem } from './system.ts';

describeGuide('standalone', () => startStandaloneSystem());

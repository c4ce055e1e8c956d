export { loadStandaloneConfig, StandaloneConfig } from './config.ts';
export { type Standalone, startStandalone } from './standalone.ts';

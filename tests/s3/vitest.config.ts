import { mergeConfig } from 'vitest/config';
import main from '../../vitest.config.ts';

/** `npm test -- s3`: uploads on a real S3-compatible server (Ceph's object gateway, from Debian's packages). */
const config = mergeConfig(main, { test: {} });
config.test.include = ['tests/s3/**/*.s3.ts'];
export default config;

import { readdir } from 'node:fs/promises';
import { tempDir } from '@confab/testkit';
import { describeMedia, type MediaSystem } from './media.suite.ts';
import { type System, startSplit, startStandaloneSystem } from './system.ts';

const SECRET = 'the-media-secret-of-the-end-to-end-tests-012345';

async function onDisk(start: (env: Record<string, string>) => Promise<System>): Promise<MediaSystem> {
  const folder = await tempDir('media');
  const env = {
    MEDIA_PROVIDER: 'local',
    MEDIA_DIR: folder.path,
    MEDIA_SECRET: SECRET,
    MEDIA_UPLOADS_PER_MINUTE: '1000',
  };
  const system = await start(env);
  return {
    ...system,
    provider: 'local',
    stored: () => readdir(folder.path, { recursive: true }),
    stop: async () => {
      await system.stop();
      await folder.remove();
    },
  };
}

describeMedia('local disk, standalone', () => onDisk(startStandaloneSystem));
describeMedia('local disk, split', () => onDisk(startSplit));

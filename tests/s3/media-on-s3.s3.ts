import { startS3 } from '@confab/testkit';
import { describeMedia, type MediaSystem } from '../e2e/media.suite.ts';
import { startSplit } from '../e2e/system.ts';

const BUCKET = 'confab-media';

async function onS3(): Promise<MediaSystem> {
  const server = await startS3();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  await server.createBucket(BUCKET);
  const system = await startSplit({
    MEDIA_PROVIDER: 's3',
    MEDIA_S3_ENDPOINT: endpoint,
    MEDIA_S3_REGION: region,
    MEDIA_S3_BUCKET: BUCKET,
    MEDIA_S3_ACCESS_KEY_ID: accessKeyId,
    MEDIA_S3_SECRET_ACCESS_KEY: secretAccessKey,
    MEDIA_S3_FORCE_PATH_STYLE: 'true',
    MEDIA_S3_PREFIX: 'chat',
    MEDIA_UPLOADS_PER_MINUTE: '1000',
  });
  return {
    ...system,
    provider: 's3',
    stored: () => server.keysOf(BUCKET),
    stop: async () => {
      await system.stop();
      await server.stop();
    },
  };
}

describeMedia('S3, split', onS3);

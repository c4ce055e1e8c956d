import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { findOnPath, spawnTestProcess, stopTestProcess, type TestProcess } from './child-process.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { tempDir } from './temp-dir.ts';

export interface TestS3 extends AsyncDisposable {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  createBucket(name: string): Promise<void>;
  /** Keys of everything in the bucket (the first 1,000). */
  keysOf(bucket: string): Promise<string[]>;
  stop(): Promise<void>;
}

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph-authtool', 'monmaptool', 'ceph'] as const;

export const S3_INSTALL_HINT =
  'the S3 server of the tests is Ceph’s object gateway (Debian/Ubuntu: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd)';

const run = promisify(execFile);
/** Milliseconds that one tool of Ceph may take on a busy machine. */
const TOOL_TIMEOUT_MS = 60_000;

/**
 * Starts a private S3 server: one Ceph monitor, one object store in memory, and the RADOS gateway before them, all on free ports of 127.0.0.1.
 * It takes some 15 s and 150 MB of memory. S3_ENDPOINT, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY name another server instead.
 * @throws Error that names the install command if the programs are not there
 */
export async function startS3(): Promise<TestS3> {
  const { S3_ENDPOINT, S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = process.env;
  if (S3_ENDPOINT) {
    const keys = { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY };
    return testS3(S3_ENDPOINT, keys, async () => {});
  }
  const missing = PROGRAMS.filter((name) => !findOnPath(name));
  if (missing.length > 0) throw new Error(`No S3 server: ${missing.join(', ')} is not on PATH; ${S3_INSTALL_HINT}`);
  return startCeph();
}

async function startCeph(): Promise<TestS3> {
  const directory = await tempDir('ceph');
  const started: TestProcess[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await stopTestProcess(part);
    await directory.remove();
  };
  try {
    const keys = { accessKeyId: 'confabtest', secretAccessKey: randomUUID() };
    const endpoint = await startParts(directory.path, started, keys);
    return testS3(endpoint, keys, stop);
  } catch (error) {
    const output = started.map((part) => part.output().slice(-1_000)).join('\n');
    await stop();
    throw new Error(`The S3 server did not start: ${error instanceof Error ? error.message : error}\n${output}`, {
      cause: error,
    });
  }
}

const REGION = 'us-east-1';

function testS3(endpoint: string, keys: Keys, stopServer: () => Promise<void>): TestS3 {
  const client = new S3Client({ endpoint, region: REGION, credentials: keys, forcePathStyle: true });
  const stop = async () => {
    client.destroy();
    await stopServer();
  };
  return {
    endpoint,
    region: REGION,
    ...keys,
    createBucket: async (name) => void (await client.send(new CreateBucketCommand({ Bucket: name }))),
    keysOf: async (bucket) => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map((object) => object.Key ?? '');
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Keys = Pick<TestS3, 'accessKeyId' | 'secretAccessKey'>;

async function startParts(directory: string, started: TestProcess[], keys: Keys): Promise<string> {
  const [monPort, gatewayPort] = [await freePort(), await freePort()];
  const config = join(directory, 'ceph.conf');
  const clusterId = randomUUID();
  const endpoint = `http://127.0.0.1:${gatewayPort}`;
  await mkdir(join(directory, 'mon'));
  await mkdir(join(directory, 'osd'));
  await writeFile(config, configuration({ directory, clusterId, monPort, gatewayPort }));
  const ceph = (program: string, ...args: string[]) =>
    run(program, ['-c', config, ...args], { timeout: TOOL_TIMEOUT_MS });
  const start = (program: string, ...args: string[]) => {
    const part = spawnTestProcess(program, ['-c', config, ...args, '-f']);
    started.push(part);
    return part;
  };

  await makeKeyring(join(directory, 'keyring'));
  const map = join(directory, 'monmap');
  await run('monmaptool', ['--create', '--addv', 'a', `[v2:127.0.0.1:${monPort}]`, '--fsid', clusterId, map]);
  await ceph('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', join(directory, 'keyring'));
  start('ceph-mon', '-i', 'a');
  await eventually(() => ceph('ceph', '--connect-timeout', '5', 'osd', 'stat'), 60_000, 200);

  const osdId = randomUUID();
  await ceph('ceph', 'osd', 'new', osdId, '0');
  await ceph('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId);
  start('ceph-osd', '-i', '0');
  await eventually(
    async () => {
      const { stdout } = await ceph('ceph', 'osd', 'stat');
      if (!stdout.includes('1 up')) throw new Error(`the object store is not up: ${stdout}`);
    },
    60_000,
    300,
  );

  const user = ['--uid=confab', '--display-name=confab'];
  const { accessKeyId, secretAccessKey } = keys;
  const key = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`];
  await ceph('radosgw-admin', '-n', 'client.rgw', 'user', 'create', ...user, ...key);
  start('radosgw', '-n', 'client.rgw');
  await eventually(
    async () => {
      const response = await fetch(endpoint);
      if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    },
    60_000,
    200,
  );
  return endpoint;
}

/** One key for each part, as Ceph authenticates them to each other. */
async function makeKeyring(file: string): Promise<void> {
  const parts: [name: string, ...caps: string[]][] = [
    ['mon.', 'mon', 'allow *'],
    ['client.admin', 'mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
    ['osd.0', 'mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd'],
    ['client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx', 'mgr', 'allow rw'],
  ];
  await writeFile(file, '', { mode: 0o600 });
  for (const [name, ...caps] of parts) {
    const pairs = caps.flatMap((cap, index) => (index % 2 === 0 ? ['--cap', cap] : [cap]));
    await run('ceph-authtool', [file, '--gen-key', '-n', name, ...pairs]);
  }
}

/** One replica of everything, few shards, no background work: a server that starts in seconds. */
function configuration(where: { directory: string; clusterId: string; monPort: number; gatewayPort: number }): string {
  const { directory, clusterId, monPort, gatewayPort } = where;
  const global: Record<string, string | number> = {
    fsid: clusterId,
    'mon host': `[v2:127.0.0.1:${monPort}]`,
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd crush chooseleaf type': 0,
    'mon allow pool size one': 'true',
    'mon max pg per osd': 1_000,
    'mon data avail crit': 0,
    'run dir': directory,
    'admin socket': `${directory}/$name.$pid.asok`,
    'pid file': `${directory}/$name.pid`,
    'log file': `${directory}/$name.log`,
    keyring: `${directory}/keyring`,
  };
  const gateway = {
    'rgw frontends': `beast endpoint=127.0.0.1:${gatewayPort}`,
    'rgw enable gc threads': 'false',
    'rgw enable lc threads': 'false',
    'rgw run sync thread': 'false',
    'rgw data log num shards': 1,
    'rgw md log max shards': 1,
    'rgw usage max shards': 1,
    'rgw lc max objs': 1,
    'rgw gc max objs': 1,
    'rgw objexp hints num shards': 1,
  };
  const section = (name: string, values: Record<string, string | number>) =>
    [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ''].join('\n');
  return [
    section('global', global),
    section('mon.a', { 'mon data': `${directory}/mon` }),
    section('osd.0', { 'osd data': `${directory}/osd`, 'osd objectstore': 'memstore' }),
    section('client.rgw', gateway),
  ].join('\n');
}

/** hello and the small commands by which clients get to know a server. */
import { type Document, Int32, Long } from 'bson';
import { MAX_DOCUMENT_BYTES } from '../bson/check-document.ts';
import { MAX_MESSAGE_BYTES } from '../wire/message.ts';
import type { Command } from './command.ts';
import { MAX_BATCH } from './write-batch.ts';

/** MongoDB 7.0: the protocol version that drivers see. */
const WIRE_VERSION = 21;
const VERSION = '7.0.0';

/** `hello` and its old names. A server without `setName` is a standalone one: no retryable writes, no transactions. */
export function hello(command: Command): Document {
  const primary = command.name.toLowerCase() === 'ismaster' ? { ismaster: true } : { isWritablePrimary: true };
  return {
    helloOk: true,
    ...primary,
    maxBsonObjectSize: new Int32(MAX_DOCUMENT_BYTES),
    maxMessageSizeBytes: new Int32(MAX_MESSAGE_BYTES),
    maxWriteBatchSize: new Int32(MAX_BATCH),
    localTime: command.engine.now(),
    logicalSessionTimeoutMinutes: new Int32(30),
    connectionId: new Int32(command.connectionId),
    minWireVersion: new Int32(0),
    maxWireVersion: new Int32(WIRE_VERSION),
    readOnly: false,
    ok: 1,
  };
}

/** `buildInfo`. */
export function buildInfo(): Document {
  return {
    version: VERSION,
    versionArray: [7, 0, 0, 0].map((part) => new Int32(part)),
    gitVersion: 'embedded',
    modules: ['confab-embedded'],
    bits: new Int32(64),
    debug: false,
    maxBsonObjectSize: new Int32(MAX_DOCUMENT_BYTES),
    storageEngines: ['lmdb'],
    ok: 1,
  };
}

export function ok(): Document {
  return { ok: 1 };
}

/** `serverStatus`: what monitoring tools look at first. */
export function serverStatus(command: Command): Document {
  const uptime = (Date.now() - command.engine.started) / 1000;
  return {
    host: 'embedded',
    version: VERSION,
    process: 'confab-embedded-mongo',
    uptime,
    uptimeMillis: Long.fromNumber(Math.round(uptime * 1000)),
    localTime: command.engine.now(),
    metrics: { cursor: { open: { total: Long.fromNumber(command.engine.cursors.size) } } },
    storageEngine: { name: 'lmdb', persistent: true },
    ok: 1,
  };
}

/** `connectionStatus`: nobody logs in here. */
export function connectionStatus(): Document {
  return { authInfo: { authenticatedUsers: [], authenticatedUserRoles: [], authenticatedUserPrivileges: [] }, ok: 1 };
}

/** `getParameter`: none can be changed; compass asks for the feature version. */
export function getParameter(command: Command): Document {
  const reply: Document = { ok: 1 };
  if ('featureCompatibilityVersion' in command.body) reply.featureCompatibilityVersion = { version: '7.0' };
  return reply;
}

/** `getLog`: empty. */
export function getLog(): Document {
  return { totalLinesWritten: new Int32(0), log: [], ok: 1 };
}

/** `hostInfo`. */
export function hostInfo(): Document {
  return { system: { hostname: 'embedded', cpuAddrSize: new Int32(64) }, os: { type: 'any' }, extra: {}, ok: 1 };
}

/** `getCmdLineOpts`. */
export function getCmdLineOpts(): Document {
  return { argv: [], parsed: {}, ok: 1 };
}

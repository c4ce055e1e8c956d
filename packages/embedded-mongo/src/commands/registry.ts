/** Command names and their handlers, and what every command goes through. */
import { decodeTyped, decodeTypedWithout, encodeTyped, type TypedDocument } from '../bson/typed-values.ts';
import type { Engine } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Request } from '../wire/message.ts';
import { aggregate } from './aggregate-command.ts';
import {
  collStats,
  create,
  dbStats,
  drop,
  dropDatabase,
  listCollections,
  listDatabases,
} from './collection-commands.ts';
import { type Command, type CommandHandler, nameOfCommand } from './command.ts';
import { explain } from './explain.ts';
import { findAndModify } from './find-and-modify.ts';
import {
  buildInfo,
  connectionStatus,
  getCmdLineOpts,
  getLog,
  getParameter,
  hello,
  hostInfo,
  ok,
  serverStatus,
} from './handshake.ts';
import { createIndexes, dropIndexes, listIndexes } from './index-commands.ts';
import { count, distinct, find, getMore, killCursors } from './read-commands.ts';
import { deleteDocuments, insert, update } from './write-commands.ts';

const COMMANDS: ReadonlyMap<string, CommandHandler> = new Map<string, CommandHandler>([
  ['hello', hello],
  ['isMaster', hello],
  ['ismaster', hello],
  ['ping', ok],
  ['buildInfo', buildInfo],
  ['buildinfo', buildInfo],
  ['insert', insert],
  ['find', find],
  ['getMore', getMore],
  ['killCursors', killCursors],
  ['update', update],
  ['delete', deleteDocuments],
  ['findAndModify', findAndModify],
  ['findandmodify', findAndModify],
  ['aggregate', aggregate],
  ['count', count],
  ['distinct', distinct],
  ['explain', explain],
  ['createIndexes', createIndexes],
  ['listIndexes', listIndexes],
  ['dropIndexes', dropIndexes],
  ['deleteIndexes', dropIndexes],
  ['create', create],
  ['drop', drop],
  ['dropDatabase', dropDatabase],
  ['listCollections', listCollections],
  ['listDatabases', listDatabases],
  ['collStats', collStats],
  ['dbStats', dbStats],
  ['dbstats', dbStats],
  ['endSessions', ok],
  ['startSession', ok],
  ['refreshSessions', ok],
  ['killSessions', ok],
  ['serverStatus', serverStatus],
  ['connectionStatus', connectionStatus],
  ['getParameter', getParameter],
  ['getLog', getLog],
  ['hostInfo', hostInfo],
  ['getCmdLineOpts', getCmdLineOpts],
  ['whatsmyuri', () => ({ you: '127.0.0.1:0', ok: 1 })],
]);

/** Commands of MongoDB that this server leaves out knowingly, as opposed to names that nobody knows. */
const UNSUPPORTED = new Set([
  'mapReduce',
  'mapreduce',
  'renameCollection',
  'collMod',
  'convertToCapped',
  'createUser',
  'saslStart',
  'authenticate',
  'eval',
  'geoSearch',
  'reIndex',
  'compact',
  'cloneCollectionAsCapped',
  'setFeatureCompatibilityVersion',
  'setParameter',
  'bulkWrite',
  'validate',
  'top',
  'profile',
  'currentOp',
  'killOp',
  'shutdown',
  'fsync',
]);
const REPLICA_SET_ONLY = new Set([
  'replSetGetStatus',
  'replSetInitiate',
  'replSetReconfig',
  'replSetGetConfig',
  'replSetStepDown',
]);

/** What shows documents. It sees what is committed, so that nothing was seen that is gone after a crash. */
const READS = new Set(['find', 'getMore', 'aggregate', 'count', 'distinct']);

/**
 * Where writes carry their statements, which are read one by one where they run. The services send them in the body of plain commands, where they would be
 * decoded a second time.
 */
const STATEMENTS: ReadonlyMap<string, Buffer> = new Map([
  ['insert', Buffer.from('documents')],
  ['update', Buffer.from('updates')],
  ['delete', Buffer.from('deletes')],
]);

function decodeBody(name: string, body: Buffer): TypedDocument {
  const statements = STATEMENTS.get(name);
  return statements ? decodeTypedWithout(body, statements) : decodeTyped(body);
}

/** Executes a request and gives the bytes of the reply. */
export function executeRequest(engine: Engine, request: Request, connectionId: number): Promise<Buffer> | Buffer {
  const name = nameOfCommand(request.body);
  const handler = COMMANDS.get(name) ?? unknownCommand(name);
  const body = decodeBody(name, request.body);
  const database = request.legacy ? 'admin' : body.$db;
  if (typeof database !== 'string') return fail(40571, 'OP_MSG requests require a $db argument');
  refuseTransactions(body);
  const command: Command = { name, body, database, request, engine, connectionId };
  const committing = READS.has(name) ? engine.store.writer.commitOpen() : undefined;
  const reply = committing ? committing.then(() => handler(command)) : handler(command);
  if (reply instanceof Promise) return reply.then(encodeReply);
  return encodeReply(reply);
}

function encodeReply(reply: unknown): Buffer {
  return Buffer.isBuffer(reply) ? reply : encodeTyped(reply as object);
}

function unknownCommand(name: string): never {
  if (name === 'commitTransaction' || name === 'abortTransaction') {
    fail(ErrorCode.IllegalOperation, 'Transaction numbers are only allowed on a replica set member or mongos');
  }
  if (REPLICA_SET_ONLY.has(name)) fail(76, 'not running with --replSet');
  if (UNSUPPORTED.has(name)) fail(ErrorCode.CommandNotSupported, `command ${name} is not supported by this server`);
  return fail(ErrorCode.CommandNotFound, `no such command: '${name}'`);
}

function refuseTransactions(body: Record<string, unknown>): void {
  if (body.txnNumber !== undefined || body.startTransaction !== undefined || body.autocommit !== undefined) {
    fail(ErrorCode.IllegalOperation, 'Transaction numbers are only allowed on a replica set member or mongos');
  }
  const concern = body.readConcern as Record<string, unknown> | undefined;
  if (concern?.level === 'snapshot') {
    fail(246, 'node needs to be a replica set member to use readConcern: snapshot'); // 246 is SnapshotUnavailable
  }
  if (concern?.level === 'linearizable') fail(123, 'cannot use linearizable read concern on a standalone node');
}

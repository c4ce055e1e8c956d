/** What a command gets and how it reads its arguments. */
import { type Document, Long } from 'bson';
import { type Collation, compileCollation } from '../bson/collation.ts';
import { afterCString, afterValue, BsonType, eachElement, findField } from '../bson/raw-document.ts';
import { bsonTypeOf, decodeTyped, isDocument, isTruthy, numberOf, typeNameOf } from '../bson/typed-values.ts';
import type { Engine } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Request } from '../wire/message.ts';

/** One command to execute. */
export interface Command {
  readonly name: string;
  readonly body: Document;
  readonly database: string;
  readonly request: Request;
  readonly engine: Engine;
  readonly connectionId: number;
}

/** The reply: a document, or its bytes. */
export type Reply = Document | Buffer;
export type CommandHandler = (command: Command) => Promise<Reply> | Reply;

/** The collection that a command names as its first value. */
export function collectionName(command: Command): string {
  const name = command.body[command.name];
  if (name === '') fail(ErrorCode.InvalidNamespace, `Invalid namespace specified '${command.database}.'`);
  if (typeof name === 'string') return name;
  return fail(ErrorCode.InvalidNamespace, `collection name has invalid type ${typeNameOf(name)}`);
}

/** A list of documents: beside the body, or an array in it. */
export function rawDocuments(command: Command, field: string): readonly Buffer[] {
  const beside = command.request.sequences.get(field);
  if (beside) return beside;
  const { body } = command.request;
  const found = { type: 0, at: 0 };
  if (!findField(body, 0, Buffer.from(field), found)) {
    return fail(40414, `BSON field '${command.name}.${field}' is missing but a required field`);
  }
  if (found.type !== BsonType.array) {
    return fail(
      ErrorCode.TypeMismatch,
      `BSON field '${command.name}.${field}' is the wrong type, expected type 'array'`,
    );
  }
  const documents: Buffer[] = [];
  eachElement(body, found.at, (type, valueAt, _element, end) => {
    if (type !== BsonType.object) {
      fail(
        ErrorCode.TypeMismatch,
        `BSON field '${command.name}.${field}.${documents.length}' is the wrong type, expected type 'object'`,
      );
    }
    documents.push(body.subarray(valueAt, end));
    return undefined;
  });
  return documents;
}

/** Typed statements of a batch. */
export function typedDocuments(command: Command, field: string): Document[] {
  return rawDocuments(command, field).map((bytes) => decodeTyped(bytes));
}

/** A document argument, or undefined. */
export function documentArgument(command: Command, field: string, source = command.body): Document | undefined {
  const value = source[field];
  if (value === undefined || value === null) return undefined;
  if (isDocument(value)) return value;
  return fail(
    ErrorCode.TypeMismatch,
    `BSON field '${command.name}.${field}' is the wrong type '${typeNameOf(value)}', expected type 'object'`,
  );
}

/** A non-negative integer argument. */
export function countArgument(command: Command, field: string, source = command.body): number | undefined {
  const value = source[field];
  if (value === undefined || value === null) return undefined;
  const number = numberOf(value);
  if (number === undefined) {
    return fail(
      ErrorCode.TypeMismatch,
      `BSON field '${command.name}.${field}' is the wrong type '${typeNameOf(value)}', expected types '[long, int, decimal, double]'`,
    );
  }
  if (number < 0) fail(51024, `BSON field '${field}' value must be >= 0, actual value '${number}'`);
  return Math.trunc(number);
}

/** A boolean argument, with a default. */
export function flagArgument(command: Command, field: string, absent: boolean): boolean {
  const value = command.body[field];
  if (value === undefined || value === null) return absent;
  if (typeof value === 'boolean') return value;
  if (numberOf(value) !== undefined) return isTruthy(value);
  return fail(
    ErrorCode.TypeMismatch,
    `BSON field '${command.name}.${field}' is the wrong type '${typeNameOf(value)}', expected types '[bool, long, int, decimal, double]'`,
  );
}

/** The collation in force. */
export function collationArgument(source: Document): Collation | undefined {
  return compileCollation(source.collation);
}

/** Fields that every command may carry. */
const GENERIC = new Set([
  '$db',
  'lsid',
  '$clusterTime',
  '$readPreference',
  'readConcern',
  'writeConcern',
  'maxTimeMS',
  'comment',
  'apiVersion',
  'apiStrict',
  'apiDeprecationErrors',
  'txnNumber',
  'autocommit',
  'startTransaction',
  'stmtId',
  'stmtIds',
  '$audit',
  '$client',
  '$configServerState',
  'allowImplicitCollectionCreation',
  'databaseVersion',
  'shardVersion',
  'mayBypassWriteBlocking',
  'isTimeseriesNamespace',
  'rawData',
  'bypassEmptyTsReplacement',
  'encryptionInformation',
  'maxTimeMSOpOnly',
]);

/** Refuses arguments that the command does not have. */
export function checkFields(command: Command, known: readonly string[]): void {
  for (const field of Object.keys(command.body)) {
    if (field === command.name || GENERIC.has(field) || known.includes(field)) continue;
    fail(40415, `BSON field '${command.name}.${field}' is an unknown field.`);
  }
}

/** Whether the write must be on disk before it is acknowledged; refuses what needs a replica set. */
export function isDurable(command: Command): boolean {
  const concern = documentArgument(command, 'writeConcern');
  if (!concern) return true;
  const w = concern.w;
  const number = numberOf(w);
  if (number !== undefined && number > 1) {
    fail(ErrorCode.BadValue, `cannot use 'w' > 1 when a host is not replicated`);
  }
  if (typeof w === 'string' && w !== 'majority') {
    fail(ErrorCode.BadValue, `cannot use non-majority 'w' mode ${w} when a host is not a member of a replica set`);
  }
  if (isTruthy(concern.j)) return true;
  return !(number === 0 || number === 1);
}

/** A cursor id: always 64 bits. */
export function cursorIdOf(value: unknown): bigint {
  if (value instanceof Long) return value.toBigInt();
  const number = numberOf(value);
  return number === undefined
    ? fail(ErrorCode.TypeMismatch, `cursor id has the wrong type ${typeNameOf(value)}`)
    : BigInt(number);
}

/** The name of the command: its first field. */
export function nameOfCommand(body: Buffer): string {
  if (body[4] === 0) fail(ErrorCode.FailedToParse, 'no command');
  const end = afterCString(body, 5);
  afterValue(body, body[4]!, end);
  return body.toString('utf8', 5, end - 1);
}

/** True for an absent or null argument. */
export function isAbsent(value: unknown): boolean {
  const type = bsonTypeOf(value);
  return type === BsonType.missing || type === BsonType.null;
}

/** Names of databases and collections, and MongoDB's errors about them. */
import { ErrorCode, fail } from '../errors.ts';

/** Throws 73 for a database name that MongoDB refuses. */
export function checkDatabaseName(name: string): void {
  if (name === '' || name.length > 63 || /[/\\. "$\0]/.test(name)) {
    fail(ErrorCode.InvalidNamespace, `Invalid database name: '${name}'`);
  }
}

/** Throws 73 for a collection name that MongoDB refuses. */
export function checkCollectionName(database: string, name: string): void {
  const wrong = name === '' || name.startsWith('.') || name.endsWith('.') || /[$\0]/.test(name) || name.includes('..');
  if (wrong || Buffer.byteLength(name) + database.length > 254) {
    fail(ErrorCode.InvalidNamespace, `Invalid namespace specified '${database}.${name}'`);
  }
}

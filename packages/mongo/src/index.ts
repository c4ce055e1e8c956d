export { collectionsOf, ensureIndexes } from './collections.ts';
export { connectMongo, type MongoOptions, type MongoStore } from './connect.ts';
export { membershipId } from './documents.ts';

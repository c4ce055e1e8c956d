/** Stages that this server does not have: each with the error that says why. */
import { ErrorCode, fail } from '../errors.ts';

const UNSUPPORTED = new Set([
  '$out',
  '$merge',
  '$graphLookup',
  '$geoNear',
  '$search',
  '$searchMeta',
  '$vectorSearch',
  '$collStats',
  '$indexStats',
  '$currentOp',
  '$listSessions',
  '$listLocalSessions',
  '$planCacheStats',
  '$documents',
  '$changeStreamSplitLargeEvent',
]);

/** Throws the error for a stage that cannot be run. */
export function refuseStage(name: string, position: number): never {
  if (name === '$changeStream') {
    if (position > 0) fail(40602, '$changeStream is only valid as the first stage in a pipeline');
    fail(40573, 'The $changeStream stage is only supported on replica sets');
  }
  if (UNSUPPORTED.has(name)) fail(ErrorCode.CommandNotSupported, `${name} is not supported by this server`);
  return fail(40324, `Unrecognized pipeline stage name: '${name}'`);
}

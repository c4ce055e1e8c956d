/**
 * The name of every key and channel of the system. Keys that one Lua file or one command uses together carry the same hash tag (the
 * part in braces), so that Redis Cluster keeps them in one slot. Different users, instances and partitions spread over slots.
 */
export interface Keys {
  /** SET of the instances that hold a socket of the user. */
  userInstances(userId: string): string;
  /** HASH instance -> sockets of the user that it holds. */
  userSockets(userId: string): string;
  /** HASH: the bucket of events that the user has for all gateways. */
  userEvents(userId: string): string;
  /** Exists while the user is announced online. Same slot as `userInstances`. */
  userAnnounced(userId: string): string;
  /** SET of the users that the instance holds: for the reaper. */
  instanceUsers(instance: string): string;
  /** STREAM of the instance's events. Same slot as `instanceUsers`. */
  inbox(instance: string): string;
  /** Sharded Pub/Sub channel of the instance's ephemeral signals. */
  signals(instance: string): string;
  /** ZSET instance -> expiry of its lease (Unix ms by the clock of Redis). */
  leases: string;
  /** ZSET user -> when to check whether they are still offline (Unix ms). Same slot as `leases`. */
  offlineChecks: string;
  /** ZSET of the uses in one rate window. */
  rateWindow(key: string): string;
  /** A counter of uses that begins anew after a time. */
  useCounter(key: string): string;
  /** STREAM of revocations, the durable list. */
  revocations: string;
  /** Sharded Pub/Sub channel that says "the list has grown". Same slot as `revocations`. */
  revocationsChannel: string;
  /** STREAM of receipts and presence changes of one partition. */
  receipts(partition: number): string;
  /** STREAM of what could not be processed. Same slot as the partition. */
  deadLetters(partition: number): string;
  /** STREAM of the durable feed for other consumers. */
  events(partition: number): string;
}

export const DEFAULT_KEY_PREFIX = 'confab';

/** @param prefix lets several deployments, or tests, share one Redis; without braces */
export function createKeys(prefix: string = DEFAULT_KEY_PREFIX): Keys {
  if (/[{}]/.test(prefix)) throw new Error('a key prefix with braces would take over the hash tags');
  return {
    userInstances: (userId) => `${prefix}:user:{${tag(userId)}}:instances`,
    userSockets: (userId) => `${prefix}:user:{${tag(userId)}}:sockets`,
    userEvents: (userId) => `${prefix}:user:{${tag(userId)}}:events`,
    userAnnounced: (userId) => `${prefix}:user:{${tag(userId)}}:announced`,
    instanceUsers: (instance) => `${prefix}:instance:{${tag(instance)}}:users`,
    inbox: (instance) => `${prefix}:inbox:{${tag(instance)}}`,
    signals: (instance) => `${prefix}:signals:{${tag(instance)}}`,
    leases: `${prefix}:{presence}:leases`,
    offlineChecks: `${prefix}:{presence}:offline-checks`,
    rateWindow: (key) => `${prefix}:rate:{${tag(key)}}`,
    useCounter: (key) => `${prefix}:uses:{${tag(key)}}`,
    revocations: `${prefix}:{revocations}`,
    revocationsChannel: `${prefix}:{revocations}:channel`,
    receipts: (partition) => `${prefix}:receipts:{r${partition}}`,
    deadLetters: (partition) => `${prefix}:receipts:{r${partition}}:dead`,
    events: (partition) => `${prefix}:events:{e${partition}}`,
  };
}

/** Braces in an id would end the hash tag early, and then keys of one user would be in different slots. */
function tag(id: string): string {
  return id.replace(/[%{}]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}

import type { MongoClient, TopologyDescriptionChangedEvent } from 'mongodb';

/** Tells whether writes that followed each other may have gone to different servers. */
export interface PrimaryChanges {
  /** @param at by the clock of `performance.now()`. @returns whether the client saw another primary than before, then or later */
  since(at: number): boolean;
}

/**
 * Watches which member of a replica set is its primary; one that was elected again is another one, since others may have been in between. A single
 * server has none, and behind a mongos it cannot be seen: then nothing ever changes.
 * @param client before it connects, so that the first primary is known for the first
 */
export function watchPrimary(client: MongoClient, now: () => number = () => performance.now()): PrimaryChanges {
  let known: string | undefined;
  let changedAt = Number.NEGATIVE_INFINITY;
  client.on('topologyDescriptionChanged', (event) => {
    const primary = primaryOf(event);
    if (primary === undefined || primary === known) return;
    if (known !== undefined) changedAt = now();
    known = primary;
  });
  return { since: (at) => changedAt >= at };
}

function primaryOf({ newDescription }: TopologyDescriptionChangedEvent): string | undefined {
  const primary = [...newDescription.servers.values()].find(({ type }) => type === 'RSPrimary');
  return primary && `${primary.address} ${primary.electionId ?? ''}`;
}

// Run by mongosh against mongo-1. Idempotent: a set that exists is left as it is.
const members = ['mongo-1', 'mongo-2', 'mongo-3'].map((name, id) => ({ _id: id, host: `${name}:27017` }));
try {
  rs.initiate({ _id: 'rs0', members });
  print('the replica set was created');
} catch (error) {
  if (error.codeName !== 'AlreadyInitialized') throw error;
  print('the replica set exists');
}
const deadline = Date.now() + 60_000;
while (!rs.status().members.some((member) => member.stateStr === 'PRIMARY')) {
  if (Date.now() > deadline) throw new Error('the replica set has no primary after 60 s');
  sleep(250);
}

import type { RedisConnection } from '@confab/redis';
import { eventually } from '@confab/testkit';
import { collectInbox, outboundEvent } from '@confab/testkit/contracts';
import { expect, test } from 'vitest';
import { callsOf, openHeldUser, openRig } from './bus-rig.ts';

/* A Redis that loses only its last moments (a replica took over, power was lost between two fsyncs) has the lease and the inbox, but not all that was in them. */

test('an inbox that ends before what was read from it is not renewed; the next incarnation receives', async () => {
  const { admin, api: openApi, gateway: openGateway } = await openRig();
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  const inbox = collectInbox(gateway.openInbox());
  const key = admin.keys.inbox(gateway.lease.instance);
  const publish = (seq: number) => api.publisher.publish(outboundEvent(seq), [user]);
  const seqs = () => inbox.entries().map(({ meta }) => meta.seq);
  const dump = await admin.run((client) => client.dumpBuffer(key));
  for (let seq = 1; seq <= 10; seq++) await publish(seq);
  await eventually(() => expect(seqs()).toHaveLength(10));
  expect(await gateway.lease.renew()).toBe(true);
  await admin.run((client) => client.restore(key, 20_000, dump, 'REPLACE'));
  await publish(11);
  expect(await gateway.lease.renew()).toBe(false);
  await gateway.lease.reincarnate([user]);
  await publish(12);
  await eventually(() => expect(seqs()).toContain(12), 5_000);
  expect(await gateway.lease.renew()).toBe(true);
});

test('after a restart of Redis everybody is registered anew, since the last registrations may be lost', async () => {
  const { server, admin, api: openApi, gateway: openGateway } = await openRig({ persistence: true });
  const [api, gateway] = [await openApi(), await openGateway()];
  const user = await openHeldUser(gateway);
  expect(await gateway.lease.renew()).toBe(true);
  await server.kill();
  await server.restart();
  await eventually(() => admin.run((client) => client.del(admin.keys.userInstances(user))), 5_000);
  await eventually(async () => expect(await gateway.lease.renew()).toBe(false), 5_000);
  await gateway.lease.reincarnate([user]);
  expect(await eventually(() => api.publisher.publish(outboundEvent(1), [user]), 5_000)).toEqual({ instances: 1 });
  expect(await gateway.lease.renew()).toBe(true);
});

const replicate = (admin: RedisConnection, ...of: [string, string | number]) =>
  admin.run((client) => client.call('REPLICAOF', ...of));

const hasPrimary = (admin: RedisConnection) =>
  eventually(async () => {
    expect(await admin.run((client) => client.info('replication'))).toContain('master_link_status:up');
  }, 10_000);

const cutAll = (admin: RedisConnection) =>
  admin.run((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));

test('a lost connection to the same Redis is no reason, also where it got a replica; it costs one question', async () => {
  const { server, admin, gateway: openGateway } = await openRig();
  const gateway = await openGateway();
  const replica = await openRig();
  await replicate(replica.admin, '127.0.0.1', server.port);
  await hasPrimary(replica.admin);
  for (let cut = 0; cut < 3; cut++) {
    const before = await callsOf(admin, 'info');
    await cutAll(admin);
    // The first may still go to the connection that was cut.
    await eventually(async () => expect(await gateway.lease.renew()).toBe(true), 5_000);
    await eventually(() => expect(gateway.isReady).toBe(true));
    for (let i = 0; i < 5; i++) expect(await gateway.lease.renew()).toBe(true);
    // One of them asks for the figure itself; and the cut may have shown only after the first.
    expect((await callsOf(admin, 'info')) - before).toBeLessThanOrEqual(3);
  }
});

test('a Redis that was a replica meanwhile is another one, though its process goes on', async () => {
  const { server, admin, gateway: openGateway } = await openRig();
  const gateway = await openGateway();
  const other = await openRig();
  await replicate(other.admin, '127.0.0.1', server.port);
  await hasPrimary(other.admin);
  expect(await gateway.lease.renew()).toBe(true);
  await replicate(other.admin, 'NO', 'ONE');
  await replicate(admin, '127.0.0.1', other.server.port);
  await hasPrimary(admin);
  await expect(gateway.lease.renew()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await replicate(admin, 'NO', 'ONE');
  await eventually(async () => expect(await gateway.lease.renew()).toBe(false), 5_000);
  await gateway.lease.reincarnate([]);
  expect(await gateway.lease.renew()).toBe(true);
});

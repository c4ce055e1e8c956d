import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger, createTokenVerifier } from '@confab/service-kit';
import { io } from 'socket.io-client';
import { expect, it } from 'vitest';
import { createGateway, loadGatewayConfig } from '../src/index.ts';
import { connected, memoryBuses, next, SECRET, tokenOf } from './start-gateway.ts';

it('shares a server that listens already, and leaves it open', async () => {
  const server = createServer((_request, response) => response.end('mine')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const buses = memoryBuses();
  const config = { ...loadGatewayConfig({ JWT_SECRET: SECRET }), DRAIN_MS: 0 };
  const logger = createLogger({ name: 'test', level: 'silent' });
  const verifier = createTokenVerifier(config);
  const gateway = createGateway({ config, bus: buses.gateway, verifier, logger, apiUrl: url, httpServer: server });
  await gateway.start();
  expect(gateway.port).toBe((server.address() as AddressInfo).port);

  const socket = io(url, { auth: { token: tokenOf('u1') }, reconnection: false });
  await connected(socket);
  const event = next(socket, 'new:message');
  await buses.api.publisher.publish({ event: 'new:message', payload: '{"a":1}', traceId: 'test-trace' }, ['u1']);
  expect(await event).toEqual({ a: 1 });
  expect(await (await fetch(url)).text()).toBe('mine');

  expect((await gateway.close()).failed).toEqual([]);
  expect(await (await fetch(url)).text()).toBe('mine');
  expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).status).toBe(503);
  socket.close();
  server.closeAllConnections();
  server.close();
});

it('can be closed before it has started', async () => {
  const buses = memoryBuses();
  const config = { ...loadGatewayConfig({ JWT_SECRET: SECRET }), DRAIN_MS: 0 };
  const logger = createLogger({ name: 'test', level: 'silent' });
  const verifier = createTokenVerifier(config);
  const gateway = createGateway({ config, bus: buses.gateway, verifier, logger, apiUrl: 'http://127.0.0.1:1' });
  expect((await gateway.close()).failed).toEqual([]);
});

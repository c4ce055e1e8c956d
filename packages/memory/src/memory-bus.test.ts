import {
  busContract,
  presenceContract,
  rateLimiterContract,
  revocationsContract,
  userQuotaContract,
} from '@confab/testkit/contracts';
import { createMemoryBus } from './memory-bus.ts';
import { MemoryRevocationList } from './revocations.ts';

const nothingToClose = async () => {};

presenceContract('memory', async () => {
  const bus = createMemoryBus();
  return {
    registry: bus.presence,
    openLease: async (gatewayId) => bus.gateway({ gatewayId }).lease,
    expire: async (lease) => bus.presence.expire(lease.instance),
    close: nothingToClose,
  };
});

rateLimiterContract('memory', async () => ({ limiter: createMemoryBus().api.limiter, close: nothingToClose }));

userQuotaContract('memory', async () => {
  const bus = createMemoryBus();
  return {
    openGateway: async (gatewayId) => bus.gateway({ gatewayId }),
    expire: async (lease) => bus.presence.expire(lease.instance),
    close: nothingToClose,
  };
});

revocationsContract('memory', async () => {
  const revocations = new MemoryRevocationList();
  return { here: revocations, elsewhere: revocations, close: nothingToClose };
});

busContract('memory', async () => {
  const bus = createMemoryBus();
  return {
    api: bus.api,
    openGateway: async (gatewayId) => bus.gateway({ gatewayId }),
    openWorker: async ({ claimIdleMs }) => createMemoryBus().worker({ claimIdleMs }),
    trimInbox: async (gateway, keep) => bus.presence.inboxOf(gateway.lease.instance)?.trim(keep),
    close: nothingToClose,
  };
});

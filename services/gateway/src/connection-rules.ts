import { createProxyTrust, type ProxyTrust } from '@confab/service-kit';
import { type Admission, addressOf, createAdmission, type RefusalReason } from './admission.ts';
import type { GatewaySettings } from './config.ts';
import { type ConnectionLimits, createConnectionLimits } from './connection-limits.ts';
import { Carriers, type EngineConnection, type EngineRequest } from './engine-connection.ts';
import { createPreAuthGuard, type PreAuthGuard } from './pre-auth-guard.ts';
import { createSlowConsumers, type SlowConsumers } from './slow-consumers.ts';

export interface ConnectionRules {
  trusts: ProxyTrust;
  limits: ConnectionLimits;
  carriers: Carriers;
  guard: PreAuthGuard;
  slowConsumers: SlowConsumers;
  admission: Admission;
  /** Puts a new connection under the rules. */
  onConnection(connection: EngineConnection): void;
  close(): void;
}

export interface ConnectionRulesOptions {
  config: GatewaySettings;
  isDraining(): boolean;
  isOverloaded(): boolean;
  onRefused(reason: RefusalReason | 'unauthenticated'): void;
  onSlow(connection: EngineConnection): void;
}

/** Who may connect, and what connections may cost us. */
export function createConnectionRules(options: ConnectionRulesOptions): ConnectionRules {
  const { config, isDraining, isOverloaded, onRefused } = options;
  const carriers = new Carriers();
  const trusts = createProxyTrust(config.TRUST_PROXY);
  const limits = createConnectionLimits({
    maxPerUser: config.MAX_SOCKETS_PER_USER,
    maxPerAddress: config.MAX_SOCKETS_PER_ADDRESS,
    handshakesPerSecond: config.HANDSHAKES_PER_SECOND,
  });
  const guard = createPreAuthGuard(carriers, () => onRefused('unauthenticated'));
  const slowConsumers = createSlowConsumers({ carriers, cut: options.onSlow });
  const origins = config.CLIENT_URL;
  return {
    ...{ trusts, limits, carriers, guard, slowConsumers },
    admission: createAdmission({ origins, limits, trusts, carriers, isDraining, isOverloaded, onRefused }),
    onConnection(connection) {
      const address = addressOf(connection.request as EngineRequest, trusts);
      const leave = limits.openAddress(address);
      carriers.add(connection, address);
      slowConsumers.watch(connection);
      guard.watch(connection);
      // One listener for all: each costs every idle connection some hundred bytes.
      connection.once('close', () => {
        guard.closed(connection);
        carriers.remove(connection);
        slowConsumers.forget(connection);
        leave();
      });
    },
    close() {
      guard.close();
      slowConsumers.close();
    },
  };
}

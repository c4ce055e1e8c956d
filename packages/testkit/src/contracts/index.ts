export * from './bus-contract.ts';
export * from './fixtures.ts';
export * from './presence-contract.ts';
export * from './rate-limiter-contract.ts';
export * from './revocations-contract.ts';
export * from './user-quota-contract.ts';

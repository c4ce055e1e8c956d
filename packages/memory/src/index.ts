export * from './memory-bus.ts';
export * from './presence.ts';
export * from './rate-limiter.ts';
export * from './receipts.ts';
export * from './revocations.ts';
export * from './routing.ts';
export * from './user-quota.ts';

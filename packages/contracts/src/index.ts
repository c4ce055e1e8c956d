export * from './entities.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './primitives.ts';
export * from './rest.ts';
export * from './socket-events.ts';
export * from './stream-events.ts';
export * from './validate.ts';

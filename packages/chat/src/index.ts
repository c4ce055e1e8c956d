export * from './context.ts';
export * from './model.ts';
export * from './ports/bus.ts';
export * from './ports/environment.ts';
export * from './ports/repositories.ts';

export * from './api-client.ts';
export * from './config.ts';
export * from './gateway.ts';
export * from './service.ts';

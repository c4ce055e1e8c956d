export * from './mutations.ts';
export * from './raw-websocket.ts';

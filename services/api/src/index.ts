export { type Api, type ApiBus, type ApiDependencies, createApi } from './api.ts';
export { ApiConfig, chatVariables, loadApiConfig } from './config.ts';
export { createObjectIds } from './object-ids.ts';

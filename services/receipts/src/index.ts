export { loadReceiptsConfig, ReceiptsConfig } from './config.ts';
export { type ReceiptsBus, type ReceiptsDependencies, type ReceiptsWorker, startReceiptsWorker } from './worker.ts';

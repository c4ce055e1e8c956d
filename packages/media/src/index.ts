export { type CloudinaryStorageOptions, createCloudinaryStorage } from './cloudinary/cloudinary-storage.ts';
export { signParameters } from './cloudinary/signature.ts';
export {
  checkMedia,
  type ExternalMediaVariables,
  externalMediaVariables,
  externalPolicyOf,
  type MediaVariables,
  mediaSecretVariable,
  mediaVariables,
  policyOf,
} from './config.ts';
export { createInspector, type InspectorOptions } from './inspector.ts';
export { createLinkSigner, type LinkSigner } from './link-signer.ts';
export {
  createLocalStorage,
  type LocalDownload,
  type LocalStorage,
  type LocalUpload,
  localPaths,
} from './local/local-storage.ts';
export { createMedia, type LocalMediaMeter, type Media } from './media.ts';
export { createS3Storage, type S3StorageOptions } from './s3/s3-storage.ts';

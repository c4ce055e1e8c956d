import { completeUpload, createUpload, mediaConfig } from '@confab/chat';
import { type Handlers, ok } from './types.ts';

export const mediaHandlers = {
  mediaConfig: async (ctx) => ok(mediaConfig(ctx)),
  createUpload: async (ctx, { identity, body }) => ok(await createUpload(ctx, { userId: identity.userId, body })),
  completeUpload: async (ctx, { identity, params }) =>
    ok(await completeUpload(ctx, { userId: identity.userId, mediaId: params.mediaId })),
} satisfies Partial<Handlers>;

import { senderView } from '@confab/chat';
import { ChatError, publicUrlProblem, type UserProfile } from '@confab/contracts';
import { type Handlers, ok } from './types.ts';

export const adminHandlers = {
  putUser: async (ctx, { params, body }) => {
    checkImage(body, 'profileImage');
    const user = { id: params.id, profile: body };
    await ctx.store.users.put([user]);
    return ok(senderView(params.id, { ...user, lastSeen: null }));
  },
  putUsers: async (ctx, { body }) => {
    for (const [index, user] of body.users.entries()) checkImage(user, `users/${index}/profileImage`);
    // the last of two entries for one user wins, as if they had come one after the other
    const users = [...new Map(body.users.map(({ _id: id, ...profile }) => [id, { id, profile }])).values()];
    await ctx.store.users.put(users);
    return ok({ users: users.length });
  },
  revoke: async (ctx, { body }) => {
    const now = ctx.clock.now();
    // a token of the second in which this was called is refused too: +1, tokens count in whole seconds
    await ctx.revocations.add({ ...body, issuedBefore: Math.floor(now / 1_000) + 1 });
    return ok({ revokedAt: new Date(now).toISOString() });
  },
} satisfies Partial<Handlers>;

/** @throws ChatError VALIDATION_FAILED if other users' clients must not load the picture; an empty one is none */
function checkImage({ profileImage }: UserProfile, field: string): void {
  const problem = profileImage ? publicUrlProblem(profileImage) : undefined;
  if (problem !== undefined) throw new ChatError('VALIDATION_FAILED', { field, reason: problem });
}

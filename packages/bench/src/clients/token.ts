import { mintToken } from '@confab/testkit';

/** Of the processes of a run; they end with it. */
export const JWT_SECRET = 'the-secret-of-the-benchmark-which-ends-with-the-run';

export const tokenOf = (userId: string): string => mintToken(JWT_SECRET, { sub: userId, name: `User ${userId}` });

import type { IncomingHttpHeaders } from 'node:http';
import type { ChatContext, PublishedMarks, RevocationList } from '@confab/chat';
import type { RouteName, routes } from '@confab/contracts';
import type { Identity } from '@confab/service-kit';
import type { Static, TSchema } from 'typebox';

/** What handlers work with. */
export interface ApiContext extends ChatContext {
  published: PublishedMarks;
  revocations: RevocationList;
}

type Part<R, K extends string> = R extends { [P in K]: infer S extends TSchema } ? Static<S> : undefined;

/** A call that was authenticated and validated. */
export interface Call<N extends RouteName> {
  identity: Identity;
  params: Part<(typeof routes)[N], 'params'>;
  query: Part<(typeof routes)[N], 'query'>;
  body: Part<(typeof routes)[N], 'body'>;
  headers: IncomingHttpHeaders;
  traceId: string;
}

/** Returns the whole reply body. */
export type Handler<N extends RouteName> = (
  ctx: ApiContext,
  call: Call<N>,
) => Promise<Static<(typeof routes)[N]['reply']>>;

export type Handlers = { [N in RouteName]: Handler<N> };

export const ok = <T>(data: T): { success: true; data: T } => ({ success: true, data });

import type { IncomingHttpHeaders } from 'node:http';
import type { ChatContext, PublishedMarks, RevocationList } from '@confab/chat';
import type { ErrorReply, RouteName, routes } from '@confab/contracts';
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
  within: CallsWithin;
}

/** What one of several calls that came in one request would have in its own headers. */
export interface InnerCaller {
  token: string;
  address: string;
  traceId?: string;
  traceparent?: string;
}

/** What is known of such a call once it was authenticated. */
export interface InnerCall {
  identity: Identity;
  traceId: string;
}

export type InnerAnswer<T> = { success: true; data: T } | ErrorReply;

/** A call that came in another one, with its caller. */
export type Admitted<C extends InnerCaller> = InnerCall & { caller: C };

export interface InnerCalls<C extends InnerCaller, T> {
  operation: RouteName;
  callers: readonly C[];
  /** Calls of one token for which this gives the same are run together, in order. Undefined: by itself. */
  laneOf(caller: C): string | undefined;
  /** @returns the outcome of each */
  run(calls: readonly Admitted<C>[]): Promise<PromiseSettledResult<T>[]>;
}

/**
 * Runs calls that came in one request, each as if it had come alone: authenticated, limited by its address, measured, traced, and
 * answered for itself.
 */
export type CallsWithin = <C extends InnerCaller, T>(calls: InnerCalls<C, T>) => Promise<InnerAnswer<T>[]>;

/** Returns the whole reply body. */
export type Handler<N extends RouteName> = (
  ctx: ApiContext,
  call: Call<N>,
) => Promise<Static<(typeof routes)[N]['reply']>>;

export type Handlers = { [N in RouteName]: Handler<N> };

export const ok = <T>(data: T): { success: true; data: T } => ({ success: true, data });

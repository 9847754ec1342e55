import type { z } from 'zod';
import type { SchemaName } from './http-api-schemas.js';

/**
 * Who may use a route. `open`: everybody. `health`: who connects from this machine, and whoever has the token. `read`: everybody
 * where the server listens on loopback, elsewhere whoever has the token. `write`: whoever has the token, on loopback too.
 */
export type Access = 'open' | 'health' | 'read' | 'write';

/** What a handler gets: checked by its own schemas. */
export interface RouteRequest<Parameters, Query, Body> {
  readonly parameters: Parameters;
  readonly query: Query;
  readonly body: Body;
  /** Allowed to see what `read` routes show. */
  readonly mayRead: boolean;
}

/** What a handler gives back; what it throws becomes a problem. */
export interface RouteReply {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON; text has the type of the route's answer. */
  readonly body: string | object;
}

/** What a route answers with a status, for the OpenAPI document. */
export interface Answer {
  readonly description: string;
  readonly type: string;
  readonly schema?: SchemaName;
}

interface RouteOf<Parameters, Query, Body> {
  readonly method: 'GET' | 'POST';
  /** As in OpenAPI: `/runs/{runId}`. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly access: Access;
  /** Not counted against the rates: what decides whether the daemon is restarted must get through. */
  readonly unlimited?: true;
  readonly parameters?: z.ZodObject & z.ZodType<Parameters>;
  readonly query?: z.ZodObject & z.ZodType<Query>;
  readonly body?: { readonly name: SchemaName; readonly schema: z.ZodType<Body> };
  readonly answers: Readonly<Record<number, Answer>>;
  readonly handle: (request: RouteRequest<Parameters, Query, Body>) => RouteReply | Promise<RouteReply>;
}

/** A route whose handler takes whatever its schemas make of a request: a list holds these. */
export type Route = RouteOf<unknown, unknown, unknown>;

/** A route whose handler gets what its own schemas let through. */
export function route<Parameters = unknown, Query = unknown, Body = unknown>(
  definition: RouteOf<Parameters, Query, Body>,
): Route {
  // Safe: the server hands over what these very schemas made.
  return definition as unknown as Route;
}

/** The media type of JSON (RFC 8259), but for problems. */
export const JSON_TYPE = 'application/json; charset=utf-8';
/** The media type of pages. */
export const HTML_TYPE = 'text/html; charset=utf-8';
/** The media type of the probe description (RFC 9511 §3). */
export const TEXT_TYPE = 'text/plain; charset=utf-8';

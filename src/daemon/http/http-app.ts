import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { pagePolicy } from '../../report/page/html-page.js';
import { OutputError } from '../../results/output-error.js';
import { Guard } from './http-guard.js';
import { errorFields, type EventLog } from '../../measure/event-log.js';
import type { Metrics } from './http-metrics.js';
import { openApiDocument } from './http-openapi.js';
import { API } from './http-api-routes.js';
import { HttpProblem, PROBLEM_TYPE, rawProblem, type FieldError } from './http-problem.js';
import { JSON_TYPE, route, type Access, type Route, type RouteRequest } from './http-route.js';
import { StoreBusyError } from './http-store-reader.js';

/** What the server is made of. Times are milliseconds. */
export interface AppParts {
  readonly routes: readonly Route[];
  readonly guard: Guard;
  readonly metrics: Metrics;
  readonly log: EventLog;
  readonly toolVersion: string;
  /** Certificate and key, PEM; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** A request must be whole after this time, its headers after half of it. */
  readonly requestMs: number;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    unlimited?: boolean;
    /** Set where the path exists with other methods only. */
    allow?: string;
  }
  interface FastifyRequest {
    mayRead: boolean;
  }
}

const BODY_LIMIT = 16 * 1024;
const HEADER_LIMIT = 8 * 1024;
/** For a client that neither reads nor writes. */
const IDLE_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
const BUSY_RETRY_S = 2;

/** HTTP with everything but a socket: routes, guard, errors, limits. */
export function createApp(parts: AppParts, prepare?: (app: FastifyInstance) => void): FastifyInstance {
  const app = openFastify(parts);
  prepare?.(app);
  app.server.headersTimeout = parts.requestMs / 2;
  app.decorateRequest('mayRead', false);
  app.removeContentTypeParser('text/plain');
  addHooks(app, parts);
  const routes = [...parts.routes, documentRoute(parts)];
  for (const one of routes) addRoute(app, one);
  for (const path of new Set(routes.map((one) => one.path))) refuseOtherMethods(app, path, routes);
  app.setNotFoundHandler(() => {
    throw new HttpProblem('not-found', `there is nothing here; ${API}/openapi.json says what there is`);
  });
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, problemOf(error, parts.log)));
  return app;
}

function openFastify({ tls, log, requestMs }: AppParts): FastifyInstance {
  // The guard refuses a missing Host, as a problem.
  const node = { maxHeaderSize: HEADER_LIMIT, connectionsCheckingInterval: requestMs / 10, requireHostHeader: false };
  const common = {
    bodyLimit: BODY_LIMIT,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: requestMs,
    maxRequestsPerSocket: 1000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error: Error, _request: unknown, reply: FastifyReply) => {
      sendProblem(reply, problemOf(error, log));
    },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      socket.end(rawProblem(clientProblem(error.code ?? '')));
    },
  } as const;
  if (tls === null) return fastify({ ...common, http: node });
  const https = { ...node, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: requestMs } as const;
  return fastify({ ...common, https });
}

function addHooks(app: FastifyInstance, { guard, metrics, log }: AppParts): void {
  const policy = `${pagePolicy()}; frame-ancestors 'none'`;
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    const { access = 'read', unlimited = false, allow } = request.routeOptions.config;
    const { method, headers, socket } = request;
    const { remoteAddress, localAddress } = socket;
    request.mayRead = guard.check({
      target: request.raw.url ?? '',
      headers,
      access,
      unlimited,
      remoteAddress,
      localAddress,
    }).mayRead;
    if (allow !== undefined)
      throw new HttpProblem('method-not-allowed', `${method} is not possible here`, { headers: { allow } });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url = 'none' } = request.routeOptions;
    metrics.countRequest(url, reply.statusCode);
    // Neither query nor headers: one may name who is measured, the others hold the token.
    const fields = { method: request.method, route: url, status: reply.statusCode, client: request.ip };
    log.debug('http-request', { ...fields, ms: Math.round(reply.elapsedTime) });
    done();
  });
}

function addRoute(app: FastifyInstance, one: Route): void {
  app.route({
    method: one.method,
    url: fastifyPath(one.path),
    config: { access: one.access, unlimited: one.unlimited ?? false },
    handler: async (request, reply) => {
      const { status = 200, headers = {}, body } = await one.handle(checkedRequest(one, request));
      const type = one.answers[status]?.type ?? JSON_TYPE;
      return reply
        .code(status)
        .headers(headers)
        .type(type)
        .send(typeof body === 'string' ? body : JSON.stringify(body));
    },
  });
}

/** A path that exists answers 405 to other methods, not 404. */
function refuseOtherMethods(app: FastifyInstance, path: string, routes: readonly Route[]): void {
  const has = routes.filter((one) => one.path === path).map((one) => one.method);
  const known = new Set<string>([...has, ...(has.includes('GET') ? ['HEAD'] : [])]);
  app.route({
    method: app.supportedMethods.filter((method) => !known.has(method)),
    url: fastifyPath(path),
    config: { allow: [...known].join(', ') },
    handler: () => null,
  });
}

function documentRoute({ routes, toolVersion, guard }: AppParts): Route {
  const own: Route = route({
    method: 'GET',
    path: `${API}/openapi.json`,
    name: 'openApi',
    summary: 'This document.',
    access: 'read',
    answers: { 200: { description: 'OpenAPI 3.1.', type: JSON_TYPE } },
    handle: () => ({ body: text }),
  });
  const text = JSON.stringify(openApiDocument([...routes, own], toolVersion, guard.protectsReads));
  return own;
}

/** `/runs/{runId}` → `/runs/:runId` */
function fastifyPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

function checkedRequest(one: Route, request: FastifyRequest): RouteRequest<unknown, unknown, unknown> {
  return {
    parameters: one.parameters === undefined ? {} : checked(one.parameters, request.params, 'path'),
    query: one.query === undefined ? {} : checked(one.query, { ...(request.query as object) }, 'query'),
    body: one.body === undefined ? undefined : checked(one.body.schema, request.body, 'body'),
    mayRead: request.mayRead,
  };
}

function checked(schema: z.ZodType, value: unknown, what: 'path' | 'query' | 'body'): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors: FieldError[] = result.error.issues.slice(0, 10).map(({ path, message }) => ({
    path: [what, ...path.map(String)].join('.').slice(0, 200),
    message: message.slice(0, 500),
  }));
  const detail = `the request is not as it should be: ${errors[0]?.path ?? what}: ${errors[0]?.message ?? ''}`;
  throw new HttpProblem('bad-request', detail, { errors });
}

function sendProblem(reply: FastifyReply, problem: HttpProblem): FastifyReply {
  // What is left of a body that nobody reads must not keep the connection.
  if (reply.request.method !== 'GET' && reply.request.method !== 'HEAD') void reply.header('connection', 'close');
  return reply.code(problem.status).headers(problem.headers).type(PROBLEM_TYPE).send(JSON.stringify(problem.body));
}

/** The errors that the framework and the store know; everything else is a defect, of which a client learns nothing. */
function problemOf(error: unknown, log: EventLog): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const headers = { 'retry-after': String(BUSY_RETRY_S) };
  if (error instanceof StoreBusyError)
    return new HttpProblem('store-unavailable', 'too many questions wait for the store; try again soon', { headers });
  if (error instanceof OutputError) {
    log.warn('http-store-failed', errorFields(error));
    return new HttpProblem('store-unavailable', "the store cannot be read or written now; the daemon's log says why", {
      headers,
    });
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  if (status === 413) return new HttpProblem('too-large', `the body is larger than ${BODY_LIMIT} octets`);
  if (status === 415)
    return new HttpProblem('unsupported-media-type', 'the body must be JSON; send Content-Type: application/json');
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new HttpProblem('not-found', 'there is nothing with so long a name');
  if (code === 'FST_ERR_BAD_URL') return new HttpProblem('bad-request', 'the path is not properly encoded');
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new HttpProblem('bad-request', 'the body is not what it should be: one JSON object, without __proto__');
  if (status === 503) return new HttpProblem('not-ready', 'the daemon is stopping', { headers });
  log.error('http-defect', errorFields(error));
  return new HttpProblem('internal', "a defect of pdm-trace; the daemon's log has more about it");
}

function clientProblem(code: string): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpProblem('headers-too-large', `the headers are larger than ${HEADER_LIMIT} octets`);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpProblem('timeout', 'the request took too long to arrive');
  return new HttpProblem('bad-request', 'this is not HTTP/1.1 as it should be');
}

import type { AddressInfo, Server, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isLoopbackText, type HttpSettings } from '../../config/http-settings.js';
import type { DaemonView } from '../daemon-view.js';
import { EventLoopLag } from './event-loop-lag.js';
import { apiRoutes } from './http-api-routes.js';
import { createApp } from './http-app.js';
import { Guard } from './http-guard.js';
import type { EventLog } from '../../measure/event-log.js';
import { Metrics } from './http-metrics.js';
import { plainRoutes } from './http-plain-routes.js';
import { clientOf } from './http-rate-limit.js';
import { HttpStartError } from './http-start-error.js';
import { startStoreReader, type StoreReader } from './http-store-reader.js';
import { readHttpFiles } from './http-files.js';

/** What the server answers from, and how long it waits for a request. */
export interface HttpInput {
  readonly settings: HttpSettings;
  readonly view: DaemonView;
  /** The store's file, which must exist; or a reader of it. */
  readonly store: string | StoreReader;
  readonly log: EventLog;
  readonly toolVersion: string;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
  /** A request must be whole after this time. Default 10,000. */
  readonly requestMs?: number;
}

/** A server that listens, as `startHttp` resolves with it. */
export interface RunningHttp {
  /** `http://127.0.0.1:8250` */
  readonly address: string;
  /** Takes no more requests, and waits a moment for those under way. */
  close(): Promise<void>;
}

const CLOSE_MS = 500;

/**
 * Serves health, metrics, API and pages. Resolves when it listens.
 * @throws HttpStartError for a token, certificate or address that cannot be used
 */
export async function startHttp(input: HttpInput): Promise<RunningHttp> {
  const { settings, log } = input;
  const { app, close } = composeHttp(input);
  try {
    await app.listen({ host: settings.listen, port: settings.port });
  } catch (error) {
    await close();
    throw listenError(settings, error);
  }
  const { address, family, port } = app.server.address() as AddressInfo;
  const scheme = settings.tls === null ? 'http' : 'https';
  const url = `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  log.info('http-listens', { address: url, token: settings.tokenFile !== null });
  if (settings.tls === null && !isLoopbackText(settings.listen))
    log.warn('http-insecure', { address: url, remedy: 'give certificate and key (http.tls), or listen on 127.0.0.1' });
  return { address: url, close };
}

/** All of it but the socket; `prepare` gets the instance before it has routes. Throws as `startHttp`. */
export function composeHttp(
  input: HttpInput,
  prepare?: (app: FastifyInstance) => void,
): { readonly app: FastifyInstance; readonly close: () => Promise<void> } {
  const { settings, view, log, toolVersion, nowMs = Date.now, requestMs = 10_000 } = input;
  const { token, tls } = readHttpFiles(settings);
  const monotonicMs = (): number => performance.now();
  const reader = typeof input.store === 'string' ? startStoreReader(input.store) : input.store;
  const lag = new EventLoopLag();
  const metrics = new Metrics({
    ...{ view, toolVersion },
    lag: () => lag.now(),
    storeOctets: () => reader.read('usedOctets').catch(() => null),
  });
  const guard = new Guard(settings, token, monotonicMs);
  const routes = [
    ...plainRoutes({ settings, view, reader, lag, metrics, nowMs }),
    ...apiRoutes({ view, reader, tracesPerMinute: settings.tracesPerMinute, monotonicMs }),
  ];
  const app = createApp({ routes, guard, metrics, log, toolVersion, tls, requestMs }, prepare);
  limitConnections(app.server, settings.connections);
  const close = async (): Promise<void> => {
    const timer = setTimeout(() => {
      app.server.closeAllConnections();
    }, CLOSE_MS);
    await app.close().finally(() => {
      clearTimeout(timer);
    });
    lag.close();
    await reader.close();
  };
  return { app, close };
}

/** Beyond them connections are closed at once: half of all for one client, so that nobody shuts the others out. */
function limitConnections(server: Server, most: number): void {
  server.maxConnections = most;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const client = clientOf(socket.remoteAddress);
    const count = open.get(client) ?? 0;
    if (count >= most / 2) {
      socket.destroy();
      return;
    }
    open.set(client, count + 1);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
  });
}

function listenError({ listen, port }: HttpSettings, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  if (code === null) return error instanceof Error ? error : new Error(String(error));
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'end the other program, or set another http.port',
    EADDRNOTAVAIL: 'set http.listen to an address of this machine',
    EACCES: 'set http.port to one above 1023',
  };
  const remedy = remedies[code] ?? 'check http.listen and http.port';
  return new HttpStartError('EHTTPLISTEN', 69, `cannot listen on ${listen} port ${port} (${code}); ${remedy}`, error);
}

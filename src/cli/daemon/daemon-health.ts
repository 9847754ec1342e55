import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIPv6 } from 'node:net';
import { parse } from 'yaml';
import { httpSettingsSchema } from '../../config/http-settings.js';

/** Where a daemon says that it is alive. */
export interface HealthAddress {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

const PATIENCE_MS = 5000;
/** What listens on every address is asked on loopback. */
const LOOPBACK = new Map([
  ['::', '::1'],
  ['0.0.0.0', '127.0.0.1'],
]);

/** The settings file of `… daemon --config FILE`, or null where the command line is not the daemon's. */
export function daemonConfigFile(commandLine: readonly string[]): string | null {
  const at = commandLine.indexOf('daemon');
  if (at === -1) return null;
  const rest = commandLine.slice(at + 1);
  const flag = rest.findIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = rest[flag];
  if (word === undefined) return null;
  return (word === '--config' ? rest[flag + 1] : word.slice('--config='.length)) ?? null;
}

/**
 * @param settings The daemon's settings file.
 * @returns Null where HTTP is switched off. Throws on settings that the daemon refuses too, and on port 0, which nobody knows.
 */
export function healthAddress(settings: string): HealthAddress | null {
  const document: unknown = parse(settings);
  const section: unknown =
    typeof document === 'object' && document !== null ? Reflect.get(document, 'http') : undefined;
  if (section === null) return null;
  const { listen, port, tls } = httpSettingsSchema.parse(section ?? {});
  if (port === 0) throw new Error('http.port is 0, any that is free, and cannot be asked; give a port');
  return { secure: tls !== null, host: LOOPBACK.get(listen) ?? listen, port };
}

/** Asks `/healthz`. @returns Null when all is well, else what is wrong, in one line. */
export function isAlive({ secure, host, port }: HealthAddress, patienceMs = PATIENCE_MS): Promise<string | null> {
  const shown = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  // The certificate is for the daemon's name in the world; we ask the machine that we are on.
  const options = { host, port, path: '/healthz', agent: false, rejectUnauthorized: false } satisfies RequestOptions & {
    rejectUnauthorized: boolean;
  };
  return new Promise((resolve) => {
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? null : `/healthz at ${shown} answers ${response.statusCode ?? 'nothing'}`);
    });
    request.setTimeout(patienceMs, () => request.destroy(new Error(`no answer within ${patienceMs} ms`)));
    request.once('error', (error) => {
      resolve(`/healthz at ${shown}: ${error.message}`);
    });
    request.end();
  });
}

import { isIP } from 'node:net';
import { isLoopbackText, type HttpSettings } from '../../config/http-settings.js';
import { formatAddress, parseAddress } from '../../address/address.js';
import { HttpProblem, tooMany } from './http-problem.js';
import { ClientRates, clientOf } from './http-rate-limit.js';
import type { Access } from './http-route.js';
import type { TokenDigest } from './http-token.js';

/** What the guard looks at, before a body is read. */
export interface GuardedRequest {
  /** As in the request line: a path, not a whole URI, which is for proxies. */
  readonly target: string;
  readonly access: Access;
  readonly unlimited: boolean;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly remoteAddress: string | undefined;
  /** Where the client connected to. */
  readonly localAddress: string | undefined;
}

const JSON_BODY = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Lets a request pass, or throws the HttpProblem to answer with. */
export class Guard {
  readonly protectsReads: boolean;
  readonly #token: TokenDigest | null;
  readonly #rates: ClientRates;
  readonly #monotonicMs: () => number;
  readonly #hosts: ReadonlySet<string>;

  /** `token`: null where none is configured. */
  constructor(settings: HttpSettings, token: TokenDigest | null, monotonicMs: () => number) {
    this.protectsReads = !isLoopbackText(settings.listen);
    this.#token = token;
    this.#rates = new ClientRates(settings.requestsPerSecond);
    this.#monotonicMs = monotonicMs;
    this.#hosts = new Set(['localhost', ...settings.allowedHosts.map(hostKey)]);
  }

  /** Returns whether the client may see what `read` routes show. */
  check(request: GuardedRequest): { readonly mayRead: boolean } {
    if (!request.unlimited) {
      const waitMs = this.#rates.request(clientOf(request.remoteAddress), this.#monotonicMs());
      if (waitMs > 0) throw tooMany('requests', waitMs);
    }
    this.#checkHost(request);
    const mayRead = !this.protectsReads || this.#hasToken(request, true);
    if (request.access === 'read' && !mayRead) throw unauthorized(true);
    if (request.access === 'health' && !mayRead && !isFromThisMachine(request)) throw unauthorized(true);
    if (request.access === 'write') this.#checkWrite(request);
    return { mayRead };
  }

  /**
   * A page from elsewhere can make a browser connect here under a name of its own (DNS rebinding), but not under a name or
   * an address that it does not own.
   */
  #checkHost({ target, headers, localAddress }: GuardedRequest): void {
    const host = typeof headers.host === 'string' && target.startsWith('/') ? hostOf(headers.host) : null;
    if (host !== null && (this.#hosts.has(host) || host === addressKey(localAddress ?? ''))) return;
    throw new HttpProblem(
      'foreign-host',
      'this server does not go by that name; add it to http.allowedHosts if it is one of its own',
    );
  }

  #checkWrite(request: GuardedRequest): void {
    // Programs send none; a browser does for every page, also for those of this server, which have no forms.
    if (request.headers.origin !== undefined)
      throw new HttpProblem('foreign-origin', 'requests from web pages are refused; send no Origin');
    if (this.#token === null)
      throw new HttpProblem('no-token', 'traces cannot be asked for: no token is configured (http.tokenFile)');
    if (!this.#hasToken(request, false)) throw unauthorized(false);
    const type = request.headers['content-type'];
    if (typeof type !== 'string' || !JSON_BODY.test(type))
      throw new HttpProblem('unsupported-media-type', 'the body must be JSON; send Content-Type: application/json');
  }

  /** Basic, where allowed, is for people with a browser: any user, the token as password. */
  #hasToken({ headers }: GuardedRequest, basicToo: boolean): boolean {
    const [, scheme = '', given = ''] = /^(\S+) +(\S+)\s*$/.exec(String(headers.authorization ?? '')) ?? [];
    if (this.#token === null || given === '') return false;
    if (/^bearer$/i.test(scheme)) return this.#token.matches(given);
    if (!basicToo || !/^basic$/i.test(scheme)) return false;
    const pair = Buffer.from(given, 'base64').toString('latin1');
    return this.#token.matches(pair.slice(pair.indexOf(':') + 1));
  }
}

/** RFC 6750 §3, RFC 7617 §2. */
function unauthorized(basicToo: boolean): HttpProblem {
  const challenge = `Bearer realm="pdm-trace"${basicToo ? ', Basic realm="pdm-trace", charset="UTF-8"' : ''}`;
  const remedy = 'send Authorization: Bearer and the token in the file that http.tokenFile names';
  return new HttpProblem('unauthorized', `the token is missing or wrong; ${remedy}`, {
    headers: { 'www-authenticate': challenge },
  });
}

/** Name or address of a Host header, without the port; null for what is none. */
function hostOf(header: string): string | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/@]+))(?::\d{1,5})?$/.exec(header);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? null : hostKey(host);
}

function hostKey(host: string): string {
  return isIP(host) === 0 ? host.toLowerCase().replace(/\.$/, '') : addressKey(host);
}

/**
 * Health checks of containers and service managers have no token. To a daemon that listens on another address than loopback
 * they come from that address; nobody else can, since our answers to it never leave the machine.
 */
function isFromThisMachine({ remoteAddress, localAddress }: GuardedRequest): boolean {
  if (remoteAddress === undefined) return false;
  return isLoopbackText(addressKey(remoteAddress)) || remoteAddress === localAddress;
}

/** One text for each address: sockets that listen on `::` show IPv4 ones as mapped. */
function addressKey(text: string): string {
  const address = parseAddress(text.replace(/%.*$/, ''));
  return address === null ? text : formatAddress(address.octets).replace(/^::ffff:(?=[\d.]+$)/, '');
}

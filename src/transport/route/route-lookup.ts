/** Which source, interface and MTU the kernel would take, found without sending anything and without other programs. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { formatAddress, isLinkLocal, parseAddress, sameAddress } from '../../address/address.js';
import type { Route } from '../probe-transport.js';
import { RawSocketError } from '../raw-socket-error.js';
import { commonPrefixLength, interfaceAddresses, sourceOnInterface } from './route-source.js';

const MINIMUM_MTU = 1280; // RFC 8200 §5
const DISCARD_PORT = 9;
const LOOPBACK = 'lo';
const ROUTE_COMMAND = 'ip -6 route get';

/** What the user asked for; what is absent is the kernel's to choose. */
export interface RouteOptions {
  readonly interface?: string;
  /** 16 octets. */
  readonly source?: Uint8Array;
}

/**
 * Null when the kernel has a route to the address over the interface, else the errno's name: `ENODEV` for no such
 * interface, `ENETUNREACH` for no route. Sends nothing.
 */
export type ProbeInterface = (interfaceName: string, target: Uint8Array) => Promise<string | null>;

/**
 * Rejects with a RawSocketError whose code is `ENETUNREACH`, `EHOSTUNREACH`, `EADDRNOTAVAIL`, `ENODEV`, `EINVAL`
 * (a link-local target without interface) or another errno's name from the kernel.
 */
export async function lookupRoute(
  target: Uint8Array,
  options: RouteOptions,
  probeInterface: ProbeInterface,
): Promise<Route> {
  const text = formatAddress(target);
  const wanted = options.interface ?? null;
  if (wanted !== null) {
    const code = isInterfaceName(wanted) ? await probeInterface(wanted, target) : 'ENODEV';
    if (code !== null) throw routeError(code, text, options);
  } else if (isLinkLocal(target)) {
    throw new RawSocketError(
      'EINVAL',
      `${text} is link-local, so it says nothing without its link: name the interface, as in ${text}%eth0 or --interface eth0.`,
    );
  }
  const source = await sourceTowards(text, target, options);
  const interfaceName = wanted ?? interfaceOf(source, target);
  if (interfaceName === null) {
    throw new RawSocketError(
      'ENODEV',
      `Cannot tell which interface leads to ${text} from ${formatAddress(source)}: name it with --interface.`,
    );
  }
  return { source, interface: interfaceName, mtu: interfaceMtu(interfaceName) };
}

async function sourceTowards(text: string, target: Uint8Array, options: RouteOptions): Promise<Uint8Array> {
  const wanted = options.interface ?? null;
  const zone = wanted === null ? '' : `%${wanted}`;
  const destination = isLinkLocal(target) ? text + zone : text;
  const bindTo =
    options.source === undefined ? null : formatAddress(options.source) + (isLinkLocal(options.source) ? zone : '');
  try {
    const chosen = await connectedSource(destination, bindTo);
    if (wanted === null || bindTo !== null || isLinkLocal(target) || ownersOf(chosen).includes(wanted)) return chosen;
  } catch (error) {
    // A route over the wanted interface may exist where the kernel's first choice fails.
    if (wanted === null || bindTo !== null) throw routeError(codeOf(error), text, options, error);
  }
  const source = sourceOnInterface(target, wanted);
  if (source === null) throw routeError('EADDRNOTAVAIL', text, options);
  return source;
}

/** Connecting a UDP socket makes the kernel choose the route and the source address; no packet leaves. */
function connectedSource(destination: string, bindTo: string | null): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp6');
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    const connect = (): void => {
      socket.connect(DISCARD_PORT, destination, (error?: Error) => {
        if (error !== undefined) {
          fail(error);
          return;
        }
        const text = socket.address().address;
        socket.close();
        const parsed = parseAddress(text);
        if (parsed === null) reject(new RawSocketError('EADDRNOTAVAIL', `The kernel gave no IPv6 source: ${text}.`));
        else resolve(parsed.octets);
      });
    };
    socket.once('error', fail);
    if (bindTo === null) connect();
    else socket.bind({ address: bindTo, port: 0, exclusive: true }, connect);
  });
}

/** The interface that has the source address; where that decides nothing, the one of the longest matching route. */
function interfaceOf(source: Uint8Array, target: Uint8Array): string | null {
  if (sameAddress(source, target)) return LOOPBACK;
  const owners = ownersOf(source).filter((name) => name !== LOOPBACK);
  if (owners.length === 1 && owners[0] !== undefined) return owners[0];
  const routed = routedInterfaces(readOrEmpty('/proc/net/ipv6_route'), target);
  return routed.find((name) => owners.includes(name)) ?? routed[0] ?? owners[0] ?? null;
}

function ownersOf(address: Uint8Array): string[] {
  const owners: string[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const entry of addresses ?? []) {
      const octets = entry.family === 'IPv6' ? parseAddress(entry.address)?.octets : undefined;
      if (octets !== undefined && sameAddress(octets, address)) owners.push(name);
    }
  }
  return owners;
}

const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** A line of `/proc/net/ipv6_route`. */
interface KernelRoute {
  readonly length: number;
  readonly metric: number;
  readonly interface: string;
  readonly hasGateway: boolean;
}

/** Interfaces of the routes to `target` of the longest prefix and, among these, the lowest metric. */
export function routedInterfaces(table: string, target: Uint8Array): string[] {
  return bestRoutes(table, target).map((route) => route.interface);
}

/**
 * Whether a route without a gateway leads to the address. Routes to less than a /32 are none: a default route into a tunnel has
 * no gateway either, and says nothing about what is on the link.
 */
export function isRoutedOnLink(table: string, target: Uint8Array): boolean {
  const routes = bestRoutes(table, target);
  return routes.length > 0 && routes.every(({ length, hasGateway }) => length >= SHORTEST_LINK && !hasGateway);
}

const SHORTEST_LINK = 32;
const NO_GATEWAY = /^0{32}$/;

/** Those of the longest prefix and, among these, the lowest metric. */
function bestRoutes(table: string, target: Uint8Array): KernelRoute[] {
  const targetHex = Buffer.from(target).toString('hex');
  let best: KernelRoute[] = [];
  for (const line of table.split('\n')) {
    // destination, its length, source, its length, next hop, metric, references, use, flags, device
    const columns = line.trim().split(/\s+/);
    const [destination, lengthHex, , , gateway, metricHex, , , flagsHex, name] = columns;
    if (destination === undefined || lengthHex === undefined || metricHex === undefined) continue;
    if (gateway === undefined || flagsHex === undefined || name === undefined) continue;
    const length = Number.parseInt(lengthHex, 16);
    const metric = Number.parseInt(metricHex, 16);
    const flags = Number.parseInt(flagsHex, 16);
    if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0 || !prefixMatches(destination, targetHex, length))
      continue;
    const route = { length, metric, interface: name, hasGateway: !NO_GATEWAY.test(gateway) };
    const [known] = best;
    if (known === undefined || length > known.length || (length === known.length && metric < known.metric)) {
      best = [route];
    } else if (length === known.length && metric === known.metric) {
      best.push(route);
    }
  }
  return best;
}

function prefixMatches(a: string, b: string, length: number): boolean {
  const whole = Math.floor(length / 4);
  if (a.slice(0, whole) !== b.slice(0, whole)) return false;
  const rest = length % 4;
  if (rest === 0) return true;
  return (Number.parseInt(a.charAt(whole), 16) ^ Number.parseInt(b.charAt(whole), 16)) >> (4 - rest) === 0;
}

/** `/proc/sys` first: unlike `/sys` it is always that of our own network namespace, and it holds the IPv6 MTU. */
function interfaceMtu(name: string): number {
  for (const file of [`/proc/sys/net/ipv6/conf/${name}/mtu`, `/sys/class/net/${name}/mtu`]) {
    const mtu = Number.parseInt(readOrEmpty(file), 10);
    if (mtu >= MINIMUM_MTU) return mtu;
  }
  return MINIMUM_MTU;
}

/** What Linux takes for a name; anything else would also be a path of its own under `/proc`. */
function isInterfaceName(name: string): boolean {
  return /^[^/\s%\0]{1,15}$/.test(name) && !['.', '..', 'all', 'default'].includes(name);
}

/**
 * Whether an address (16 octets) is on a link of this host: link-local with a zone, in the prefix of an interface's address, or
 * where a route without a gateway leads.
 */
export function isOnLink(target: Uint8Array, zone: string | null): boolean {
  if (isLinkLocal(target)) return zone !== null;
  return isInPrefixOf(interfaceAddresses(), target) || isRoutedOnLink(readOrEmpty('/proc/net/ipv6_route'), target);
}

/** Exported for tests. */
export function isInPrefixOf(
  addresses: readonly { readonly octets: Uint8Array; readonly prefixLength: number }[],
  target: Uint8Array,
): boolean {
  return addresses.some((own) => own.prefixLength > 0 && commonPrefixLength(own.octets, target) >= own.prefixLength);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

function routeError(kernelCode: string, target: string, options: RouteOptions, cause?: unknown): RawSocketError {
  const over = options.interface === undefined ? '' : ` over ${options.interface}`;
  const from = options.source === undefined ? '' : ` from ${formatAddress(options.source)}`;
  const way = `to ${target}${from}${over}`;
  const details = { syscall: 'connect', cause };
  switch (kernelCode) {
    case 'ENODEV':
      return new RawSocketError('ENODEV', `No interface ${options.interface ?? ''}: \`ip link\` lists them.`, details);
    case 'EADDRNOTAVAIL':
      return new RawSocketError(
        'EADDRNOTAVAIL',
        options.source === undefined
          ? `No IPv6 address to send ${way}: give the interface a global address (\`ip -6 address\` lists them).`
          : `${formatAddress(options.source)} is not an address of this host: \`ip -6 address\` lists them.`,
        details,
      );
    // prohibit, unreachable and blackhole routes: the kernel's words for them are not about our permission or arguments
    case 'EACCES':
    case 'EHOSTUNREACH':
      return new RawSocketError(
        'EHOSTUNREACH',
        `No way ${way}: a route of this host forbids it; see \`${ROUTE_COMMAND} ${target}\`.`,
        details,
      );
    case 'EINVAL':
    case 'ENETUNREACH':
      return new RawSocketError(
        'ENETUNREACH',
        `No IPv6 route ${way}: check the default route with \`${ROUTE_COMMAND} ${target}\`.`,
        details,
      );
    default:
      return new RawSocketError(
        kernelCode,
        `Looking up the route ${way} failed with ${kernelCode}: try \`${ROUTE_COMMAND} ${target}\`.`,
        details,
      );
  }
}

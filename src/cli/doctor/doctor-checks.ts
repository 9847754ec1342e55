import { formatAddress, isLinkLocal, isUniqueLocal, parseAddress } from '../../address/address.js';
import type { Settings } from '../../config/settings.js';
import type { ProbeTransport, Route } from '../../transport/probe-transport.js';
import { CliError } from '../cli-error.js';
import { errorCode } from '../../text/error-code.js';
import type { DoctorPorts, DoctorRequest } from './doctor-ports.js';
import { probeFirstHops } from './first-hops.js';
import { judgeFirstHops } from './judge-first-hops.js';
import { privilegeRemedy } from './privilege.js';

/** What one check of `doctor` came to. */
export interface Finding {
  readonly check: 'privilege' | 'address' | 'route' | 'transport' | 'other' | 'clock' | 'first hops' | 'AS data';
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly found: string;
  /** What to do about it, or null. */
  readonly remedy: string | null;
}

/** capability.h: CAP_NET_RAW is bit 13 of the effective set. */
const CAP_NET_RAW = 13n;

/** From the effective capabilities of this process, `CapEff` of proc(5). */
export function checkPrivilege(ports: Pick<DoctorPorts, 'readText'>): Finding {
  const status = ports.readText('/proc/self/status');
  const effective = status === null ? null : /^CapEff:\s*([0-9a-f]{1,16})$/im.exec(status)?.[1];
  if (effective === null || effective === undefined)
    return warn('privilege', '/proc/self/status does not say which capabilities there are', 'mount /proc');
  if (((BigInt(`0x${effective}`) >> CAP_NET_RAW) & 1n) === 1n) return ok('privilege', 'CAP_NET_RAW is there');
  return fail('privilege', 'CAP_NET_RAW is missing, so no packet can be sent', privilegeRemedy(status));
}

/** Fails where no address reaches beyond its link; unique local ones alone (RFC 4193) are a warning. */
export function checkAddress(ports: Pick<DoctorPorts, 'readText' | 'localAddresses'>): Finding {
  if (ports.readText('/proc/sys/net/ipv6/conf/all/disable_ipv6')?.trim() === '1')
    return fail('address', 'IPv6 is switched off', 'sysctl -w net.ipv6.conf.all.disable_ipv6=0');
  const usable: string[] = [];
  let uniqueLocal: string | null = null;
  for (const entry of ports.localAddresses()) {
    const octets = parseAddress(entry.address)?.octets;
    if (octets === undefined || entry.loopback || isLinkLocal(octets)) continue;
    if (isUniqueLocal(octets)) uniqueLocal ??= `${entry.address} on ${entry.interface}`;
    else usable.push(`${entry.address} on ${entry.interface}`);
  }
  const [first] = usable;
  if (first !== undefined) return ok('address', usable.length === 1 ? first : `${first} and ${usable.length - 1} more`);
  if (uniqueLocal !== null)
    return warn(
      'address',
      `only ${uniqueLocal}, a unique local address`,
      'an address translator on the way falsifies hops; get a global address',
    );
  return fail(
    'address',
    'no interface has an IPv6 address beyond its link',
    'connect to a network with IPv6; `ip -6 address` shows what there is',
  );
}

/** The caller closes the transport. It is null where it cannot be opened, which is a finding and no error. */
export async function checkTransport(
  settings: Settings,
  ports: Pick<DoctorPorts, 'openTransport'>,
): Promise<{ finding: Finding; transport: ProbeTransport | null }> {
  try {
    const { transport, choice } = await ports.openTransport(settings);
    const losses = LOSSES[transport.name];
    return { finding: ok('transport', losses === undefined ? choice : `${choice}; it loses ${losses}`), transport };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { finding: fail('transport', message.replace(/\s+/g, ' '), null), transport: null };
  }
}

/** What a transport cannot see and the other one can. docs/native.md says it at length. */
const LOSSES: Readonly<Record<string, string>> = {
  native: 'nothing but later fragments of answers, which are not needed',
  'raw-socket': "the kernel's times (this process takes its own), and hop limits, extension headers and PDM of replies",
};

/** The transport beside the one that was chosen: whether it would do, and what would be lost with it. */
export async function checkOtherTransport(
  settings: Settings,
  chosen: ProbeTransport,
  ports: Pick<DoctorPorts, 'otherTransport'>,
): Promise<Finding | null> {
  const other = await ports.otherTransport(settings, chosen.name);
  if (other === null) return null;
  const losses = LOSSES[other.name] ?? 'nothing';
  if (other.problem === null) return ok('other', `${other.name} works too; it would lose ${losses}`);
  const found = `${other.name} cannot be used: ${other.problem}`.replace(/\s+/g, ' ');
  if (other.name !== 'native') return ok('other', `${found}; nothing is lost as long as ${chosen.name} works`);
  return { check: 'other', state: 'warn', found: `${found}; it would see what ${chosen.name} loses`, remedy: null };
}

/** RFC 3849: nobody has this address, but every default route leads towards it. */
const DOCUMENTATION_ADDRESS = '2001:db8::1';

/** Sends no probe. Where there is no address or no route that is the finding, and the route is null. */
export async function checkRoute(
  request: DoctorRequest,
  transport: ProbeTransport,
  ports: Pick<DoctorPorts, 'resolver'>,
): Promise<{ finding: Finding; route: (Route & { readonly target: Uint8Array }) | null }> {
  const { settings } = request;
  const resolver = ports.resolver(settings);
  const name = request.target ?? DOCUMENTATION_ADDRESS;
  const resolution = await resolver.resolveTarget(name);
  resolver.close();
  const [target] = resolution.addresses;
  if (target === undefined)
    return { finding: fail('route', resolution.error?.message ?? `${name} has no IPv6 address`, null), route: null };
  const interfaceName = settings.interface ?? resolution.zone;
  const source = settings.source === null ? null : (parseAddress(settings.source)?.octets ?? null);
  const wanted = {
    ...(interfaceName === null ? {} : { interface: interfaceName }),
    ...(source === null ? {} : { source }),
  };
  const to = request.target === null ? 'the Internet' : name;
  try {
    const route = await transport.route(target, wanted);
    const text = `to ${to} over ${route.interface} from ${formatAddress(route.source)}, MTU ${route.mtu}`;
    return { finding: ok('route', text), route: { ...route, target } };
  } catch (error) {
    // It has its own remedy: a --source that is not to be used.
    if (error instanceof CliError) return { finding: fail('route', error.message, null), route: null };
    const code = errorCode(error) ?? String(error);
    const remedy = 'add a default route, or name another --interface or --source; `ip -6 route` shows what there is';
    return { finding: fail('route', `no route to ${to} (${code})`, remedy), route: null };
  }
}

/** Before this program was written: such a clock was never set. */
const EARLIEST_SANE_MS = Date.UTC(2025, 0, 1);
const CLOCK_SAMPLES = 1000;

/**
 * Fails where the monotonic clock runs backwards; a date before 2025 is a warning. Whether it is synchronised is known of
 * systemd-timesyncd alone.
 */
export function checkClock(ports: Pick<DoctorPorts, 'time' | 'readText'>): Finding {
  const { time } = ports;
  let last = time.nowNs();
  for (let i = 0; i < CLOCK_SAMPLES; i += 1) {
    const now = time.nowNs();
    if (now < last)
      return fail('clock', 'the monotonic clock runs backwards', 'choose another kernel clock source (hpet, tsc)');
    last = now;
  }
  const date = new Date(time.wallMs()).toISOString();
  if (time.wallMs() < EARLIEST_SANE_MS)
    return warn('clock', `it is set to ${date}`, 'set it, or records carry a wrong date; round-trip times are right');
  const synchronised = ports.readText('/run/systemd/timesync/synchronized') !== null;
  return ok('clock', synchronised ? `${date}, synchronised` : `${date}; whether it is synchronised is not known`);
}

/** Sends up to thirty packets, of which none gets past the third router. */
export async function checkFirstHops(input: {
  readonly transport: ProbeTransport;
  readonly ports: Pick<DoctorPorts, 'time' | 'randomBytes'>;
  readonly target: Uint8Array;
  readonly source: Uint8Array;
}): Promise<Finding> {
  const { transport, ports, target, source } = input;
  const answers = await probeFirstHops({ transport, ...ports, target, source });
  if (answers.sendError !== null)
    return fail(
      'first hops',
      `sending failed (${answers.sendError})`,
      'look for a firewall on this host: `nft list ruleset`',
    );
  return { check: 'first hops', ...judgeFirstHops(answers) };
}

/** None, or one with rows that are not understood, is a warning; one that cannot be read fails. */
export async function checkAsData(settings: Settings, ports: Pick<DoctorPorts, 'openAsDatabase'>): Promise<Finding> {
  try {
    const database = await ports.openAsDatabase(settings.asnDb);
    if (database === null)
      return warn(
        'AS data',
        'none, so networks have no names',
        'npm install @ip-location-db/asn, or give --asn-db FILE',
      );
    const dated = `${database.source}${database.date === null ? '' : `, ${database.date}`}`;
    return database.malformedRows === 0
      ? ok('AS data', dated)
      : warn('AS data', `${dated}, ${database.malformedRows} rows not understood`, 'get a complete copy');
  } catch (error) {
    return fail('AS data', error instanceof Error ? error.message : String(error), null);
  }
}

function ok(check: Finding['check'], found: string): Finding {
  return { check, state: 'ok', found, remedy: null };
}

function warn(check: Finding['check'], found: string, remedy: string): Finding {
  return { check, state: 'warn', found, remedy };
}

function fail(check: Finding['check'], found: string, remedy: string | null): Finding {
  return { check, state: 'fail', found, remedy };
}

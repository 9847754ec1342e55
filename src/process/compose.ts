/** The only place where adapters meet ports. */
import { randomBytes } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { annotateRecord, describeAddress } from '../annotate/annotate-record.js';
import { formatAddress, isLoopback } from '../address/address.js';
import { openAsDatabase } from '../annotate/as-data/as-database.js';
import { createNameResolver } from '../annotate/names/names.js';
import { readPrefixFile, readPrefixText } from '../annotate/prefix-file.js';
import { refuseTarget } from '../annotate/target-policy.js';
import type { Settings } from '../config/settings.js';
import type { EngineTime } from '../engine/trace-engine.js';
import { createTraceEngine } from '../engine/create-trace-engine.js';
import { openPcapngFile } from '../results/files/pcapng-file.js';
import type { PcapngFile } from '../results/files/pcapng-file.js';
import { startStoreWorker } from '../results/store/store-worker-client.js';
import { chooseFileOwner, currentSituation } from '../transport/native/privileges.js';
import { dropPrivileges, openNativeTransport } from '../transport/native/native-transport.js';
import type { EngineClock, ProbeTransport } from '../transport/probe-transport.js';
import { openRawSocketTransport } from '../transport/raw-socket/raw-socket-transport.js';
import { isOnLink } from '../transport/route/route-lookup.js';
import { interfaceAddresses } from '../transport/route/route-source.js';
import { CliError } from '../cli/cli-error.js';
import { errorCode } from '../text/error-code.js';
import type { DaemonProcess } from '../cli/daemon/daemon-command.js';
import type { DoctorPorts, LocalAddress, OpenedTransport, OtherTransport } from '../cli/doctor/doctor-ports.js';
import { EXIT } from '../cli/exit-codes.js';
import { createDaemonLog } from '../cli/log.js';
import { startMeasureStarter } from './measure-link.js';
import type { Measuring, MeasuringHooks } from '../measure/measuring.js';
import { captureInto } from '../cli/packet-comments.js';
import { refuseReference } from '../cli/reference-setting.js';
import { refuseInterface } from '../cli/own-interface.js';
import { ownSourcesOnly, refuseSourceSetting } from '../cli/own-source.js';
import { privilegeRemedy } from '../cli/doctor/privilege.js';
import type { StorePorts } from '../runs/store-ports.js';
import { createSystemTime } from '../cli/system-time.js';
import { createUuidV7 } from '../runs/uuid-v7.js';
import { toolVersion } from '../cli/version.js';

/** Implements `OpenMeasuring` with real sockets, real names and real time. */
export async function openMeasuring(settings: Settings, hooks: MeasuringHooks): Promise<Measuring> {
  const time = createSystemTime();
  becomeRootAgain();
  const foreign = refuseSourceSetting(settings.source, ownAddresses, hooks.forList);
  if (foreign !== null) throw foreign;
  // Files first: a misspelt name should not cost a socket, and 66 is said before 77.
  const [asDatabase, ixpPrefixes, doNotProbe] = await Promise.all([
    openAsDatabase(settings.asnDb),
    settings.ixpPrefixes === null ? null : readPrefixFile(settings.ixpPrefixes, '--ixp-prefixes'),
    settings.doNotProbe === null ? null : readPrefixFile(settings.doNotProbe, '--do-not-probe'),
  ]);
  const refuse: Measuring['refuse'] = (octets, zone) =>
    refuseTarget(octets, zone, { doNotProbe, allowSpecial: settings.allowSpecial, isOnLink }) ??
    hooks.refuseToo?.(octets) ??
    null;
  const unfit = refuseReference(settings.reference, refuse);
  if (unfit !== null) throw unfit;
  const capture = await openCapture(settings, time, hooks);
  const { transport: opened, choice } = await openTransport(settings, time).catch(async (error: unknown) => {
    await capture?.abandon();
    throw error;
  });
  // Everything that needs the privilege is open. raw-socket opens sockets as protocols are asked for, so it must keep it.
  if (opened.name === 'native') await dropPrivileges({ ownsFiles: hooks.ownsFiles === true });
  await capture?.begin().catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  let onFatal = (_error: Error): void => undefined;
  const transport = withFatal(opened, (error) => {
    onFatal(error);
  });
  const names = createNameResolver({
    server: settings.resolver,
    nowMs: () => time.nowNs() / 1e6,
    forList: hooks.forList === true,
  });
  const engine = createTraceEngine({
    transport,
    time,
    randomBytes: (length) => randomBytes(length),
    rate: settings.rate,
    mayBeAsked: (address) => refuse(address, null) === null,
    onProgress: hooks.onProgress,
    onWarning: hooks.onWarning,
    ...(hooks.onResponder === undefined ? {} : { onResponder: hooks.onResponder }),
    ...(capture === null ? {} : { tap: captureInto(capture) }),
  });
  const sources = { names: settings.dns ? names : null, asDatabase, ixpPrefixes };
  return {
    engine,
    time,
    transport,
    transportChoice: choice,
    newId: createUuidV7(
      () => time.wallMs(),
      (length) => randomBytes(length),
    ),
    resolve: (host) => names.resolveTarget(host),
    refuse,
    annotate: (record) => annotateRecord(record, sources),
    describe: (octets) => describeAddress(octets, sources),
    stopLookups: () => {
      names.close();
    },
    onFatal: (listener) => {
      onFatal = listener;
    },
    close: async () => {
      names.close();
      await engine.close();
      await transport.close();
      // The outcomes of the last probes are on their way.
      await new Promise((resolve) => setImmediate(resolve));
      await capture?.close();
    },
  };
}

/**
 * Before a store or a capture is opened: as root by sudo, acts as the user who called it, whose files they become. `openMeasuring`
 * takes root back for the sockets, and then gives it up for good.
 */
function becomeFileOwner(): void {
  const owner = chooseFileOwner(currentSituation());
  if (owner === null) return;
  process.setegid?.(owner.gid);
  process.seteuid?.(owner.uid);
}

/** What `run` and `trace` keep a store with. */
export const storePorts: StorePorts = {
  becomeFileOwner,
  // In a thread of its own, so that a flush of the disk never delays a probe.
  openCommitter: (path) => {
    const worker = startStoreWorker(path);
    return { commit: (batch) => worker.commit(batch), close: () => worker.close() };
  },
};

/** What the daemon takes from the process besides the store. */
export const daemonProcess: DaemonProcess = {
  openCommitter: storePorts.openCommitter,
  startMeasureStarter,
  createLog: createDaemonLog,
  giveUpPrivileges: async () => {
    try {
      await dropPrivileges({ ownsFiles: true });
      return null;
    } catch (error) {
      if (errorCode(error) !== 'ERR_TRANSPORT_UNAVAILABLE') throw error;
      return 'the addon pdm-native-shim is not built, so this process keeps the capabilities that it was started with';
    }
  },
  readFiles: async (settings) => {
    // All but the AS database, which takes seconds: the child says it when that cannot be read.
    if (settings.asnDb !== null)
      await access(settings.asnDb, constants.R_OK).catch(unreadable(settings.asnDb, 'asnDb'));
    if (settings.ixpPrefixes !== null) await readPrefixFile(settings.ixpPrefixes, 'ixpPrefixes');
    return settings.doNotProbe === null ? null : readPrefixText(settings.doNotProbe, 'doNotProbe');
  },
  checkHttp: async (settings) => {
    const { readHttpFiles } = await import('../daemon/http/http-files.js');
    readHttpFiles(settings);
  },
  startHttp: (log, store) => async (settings, view) => {
    const { startHttp } = await import('../daemon/http/http-server.js');
    return startHttp({ settings, view, store, log, toolVersion: toolVersion() });
  },
};

function unreadable(path: string, setting: string): (cause: unknown) => never {
  return (cause) => {
    const message = `${setting}: cannot read "${path}" (${errorCode(cause) ?? causeOf(cause)}); give a readable file`;
    throw new CliError('ENOINPUT', EXIT.noInput, message, { cause });
  };
}

function becomeRootAgain(): void {
  if (process.getuid?.() !== 0 || process.geteuid?.() === 0) return;
  process.seteuid?.(0);
  process.setegid?.(process.getgid?.() ?? 0);
}

/** Opened while everything may be opened; nothing is written or emptied before the transport is there too. */
async function openCapture(
  { pcap, force }: Settings,
  time: EngineTime,
  { onWarning }: MeasuringHooks,
): Promise<PcapngFile | null> {
  if (pcap === null) return null;
  // It is a file of the user who called sudo, as the store is.
  becomeFileOwner();
  try {
    return await openPcapngFile(pcap, {
      force,
      application: `pdm-trace ${toolVersion()}`,
      nowNs: () => time.nowNs(),
      epochNs: epochOf(time),
      onFailure: ({ message }) => {
        onWarning(message);
      },
    });
  } finally {
    becomeRootAgain();
  }
}

/** What 0 on the engine's clock is since 1970: read where the wall clock's millisecond changes, to microseconds. */
function epochOf(time: EngineTime): bigint {
  const before = time.wallMs();
  let wallMs = before;
  while (wallMs === before) wallMs = time.wallMs();
  return BigInt(wallMs) * 1_000_000n - BigInt(Math.round(time.nowNs()));
}

type AdapterName = 'native' | 'raw-socket';

interface AdapterOptions {
  readonly clock: EngineClock;
  readonly interface?: string;
}

function adapterOptions({ interface: name }: Settings, clock: EngineClock): AdapterOptions {
  return name === null ? { clock } : { clock, interface: name };
}

const ADAPTERS: Readonly<Record<AdapterName, (options: AdapterOptions) => Promise<ProbeTransport>>> = {
  native: openNativeTransport,
  'raw-socket': openRawSocketTransport,
};

/** In the order in which `auto` prefers them. */
const PREFERENCE: readonly AdapterName[] = ['native', 'raw-socket'];

/** `auto` takes the best adapter that opens and says why it is not a better one. */
async function openTransport(settings: Settings, clock: EngineClock): Promise<OpenedTransport> {
  const unknown = refuseInterface(settings.interface, readText('/proc/net/dev'));
  if (unknown !== null) throw unknown;
  const opened = await openAnyTransport(settings, clock);
  return { ...opened, transport: withRoute(opened.transport, ownSourcesOnly(opened.transport, ownAddresses)) };
}

async function openAnyTransport(settings: Settings, clock: EngineClock): Promise<OpenedTransport> {
  const options = adapterOptions(settings, clock);
  if (settings.transport !== 'auto') {
    try {
      return { transport: await ADAPTERS[settings.transport](options), choice: settings.transport };
    } catch (error) {
      throw transportError(error);
    }
  }
  const failures: string[] = [];
  for (const name of PREFERENCE) {
    try {
      const transport = await ADAPTERS[name](options);
      const why = failures.length === 0 ? 'auto: the best there is' : `auto: ${failures.join('; ')}`;
      return { transport, choice: `${name} (${why})` };
    } catch (error) {
      // Without the privilege none opens.
      if (isForbidden(error)) throw transportError(error);
      failures.push(`${name}: ${causeOf(error)}`);
    }
  }
  const message = `no transport can be opened: ${failures.join('; ')}`;
  throw new CliError('ERR_TRANSPORT_UNAVAILABLE', EXIT.unavailable, message);
}

/** Opens and closes the one that was not chosen. */
async function tryOtherTransport(
  settings: Settings,
  clock: EngineClock,
  chosen: string,
): Promise<OtherTransport | null> {
  const name = PREFERENCE.find((candidate) => candidate !== chosen);
  if (name === undefined || !PREFERENCE.some((candidate) => candidate === chosen)) return null;
  try {
    const other = await ADAPTERS[name](adapterOptions(settings, clock));
    await other.close();
    return { name, problem: null };
  } catch (error) {
    return { name, problem: causeOf(error) };
  }
}

function isForbidden(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EPERM' || code === 'EACCES';
}

/** What cannot be had here is 69 or 77; an error without a code is a defect and stays one. */
function transportError(cause: unknown): unknown {
  const code = errorCode(cause);
  if (code === null) return cause;
  if (isForbidden(cause))
    return new CliError(code, EXIT.noPermission, `raw sockets are not permitted (${code}); ${privilegeRemedy()}`, {
      cause,
    });
  return new CliError(code, EXIT.unavailable, causeOf(cause), { cause });
}

function causeOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}

/** The same transport, whose fatal error also reaches `onFatal`: the port has one listener, and the engine is it. */
function withFatal(transport: ProbeTransport, onFatal: (error: Error) => void): ProbeTransport {
  return {
    ...withRoute(transport, (target, options) => transport.route(target, options)),
    onError: (listener) => {
      transport.onError((error) => {
        onFatal(error);
        listener(error);
      });
    },
  };
}

function withRoute(transport: ProbeTransport, route: ProbeTransport['route']): ProbeTransport {
  return {
    name: transport.name,
    capabilities: transport.capabilities,
    send: (arena, offsets, lengths) => transport.send(arena, offsets, lengths),
    onPackets: (listener) => {
      transport.onPackets(listener);
    },
    onError: (listener) => {
      transport.onError(listener);
    },
    watch: (flows) => transport.watch(flows),
    route,
    stats: () => transport.stats(),
    close: () => transport.close(),
  };
}

/** The real ones. A file that cannot be read is null, and no error. */
export function doctorPorts(): DoctorPorts {
  const time = createSystemTime();
  return {
    time,
    randomBytes: (length) => randomBytes(length),
    readText,
    localAddresses,
    openTransport: (settings) => openTransport(settings, time),
    otherTransport: (settings, chosen) => tryOtherTransport(settings, time, chosen),
    openAsDatabase,
    resolver: (settings) => createNameResolver({ server: settings.resolver }),
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Those of interfaces without a carrier too: they may be sources. */
function ownAddresses(): LocalAddress[] {
  const others = interfaceAddresses().map(({ octets, interface: name, interfaceIndex }) => ({
    interface: name,
    address: formatAddress(octets),
    loopback: isLoopback(octets),
    scopeId: interfaceIndex,
  }));
  return [...localAddresses(), ...others];
}

function localAddresses(): LocalAddress[] {
  const found: LocalAddress[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.family === 'IPv6') {
        found.push({ interface: name, address: entry.address, loopback: entry.internal, scopeId: entry.scopeid });
      }
    }
  }
  return found;
}

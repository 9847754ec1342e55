/** The only place where adapters meet ports. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { annotateRecord } from '../annotate/annotate-record.js';
import { openAsDatabase } from '../annotate/as-database.js';
import { createNameResolver } from '../annotate/names.js';
import { readPrefixFile } from '../annotate/prefix-file.js';
import { refuseTarget } from '../annotate/target-policy.js';
import type { Settings } from '../config/settings.js';
import { createTraceEngine } from '../engine/create-trace-engine.js';
import { openRawSocketTransport } from '../transport/raw-socket-transport.js';
import type { EngineClock } from '../transport/probe-transport.js';
import { CliError, errorCode } from './cli-error.js';
import type { DoctorPorts, LocalAddress, OpenedTransport } from './doctor-ports.js';
import { EXIT } from './exit-codes.js';
import type { Measuring, MeasuringHooks } from './measuring.js';
import { PRIVILEGE_REMEDY } from './privilege.js';
import { createSystemTime } from './system-time.js';
import { createUuidV7 } from './uuid-v7.js';

/** Implements `OpenMeasuring` with real sockets, real names and real time. */
export async function openMeasuring(settings: Settings, hooks: MeasuringHooks): Promise<Measuring> {
  const time = createSystemTime();
  // Files first: a misspelt name should not cost a socket, and 66 is said before 77.
  const [asDatabase, ixpPrefixes, doNotProbe] = await Promise.all([
    openAsDatabase(settings.asnDb),
    settings.ixpPrefixes === null ? null : readPrefixFile(settings.ixpPrefixes, '--ixp-prefixes'),
    settings.doNotProbe === null ? null : readPrefixFile(settings.doNotProbe, '--do-not-probe'),
  ]);
  const { transport, choice } = await openTransport(settings, time);
  const names = createNameResolver({ server: settings.resolver, nowMs: () => time.nowNs() / 1e6 });
  const engine = createTraceEngine({
    transport,
    time,
    randomBytes: (length) => randomBytes(length),
    rate: settings.rate,
    onProgress: hooks.onProgress,
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
    refuse: (octets, zone) => refuseTarget(octets, zone, doNotProbe),
    annotate: (record) => annotateRecord(record, sources),
    onFatal: (listener) => {
      transport.onError(listener);
    },
    close: async () => {
      names.close();
      await engine.close();
      await transport.close();
    },
  };
}

/** `auto` takes the best adapter that loads and says why. */
async function openTransport(settings: Settings, clock: EngineClock): Promise<OpenedTransport> {
  if (settings.transport === 'native')
    throw new CliError(
      'ERR_TRANSPORT_UNAVAILABLE',
      EXIT.unavailable,
      '--transport native: the native addon is not there; use --transport raw-socket or auto',
    );
  try {
    const transport = await openRawSocketTransport({ clock });
    return {
      transport,
      choice: settings.transport === 'auto' ? 'raw-socket (auto: native is not there)' : 'raw-socket',
    };
  } catch (error) {
    throw transportError(error);
  }
}

function transportError(cause: unknown): CliError {
  const code = errorCode(cause) ?? 'ETRANSPORT';
  if (code === 'EPERM' || code === 'EACCES')
    return new CliError(code, EXIT.noPermission, `raw sockets are not permitted (${code}); ${PRIVILEGE_REMEDY}`, {
      cause,
    });
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CliError(code, EXIT.unavailable, message, { cause });
}

export function doctorPorts(): DoctorPorts {
  const time = createSystemTime();
  return {
    time,
    randomBytes: (length) => randomBytes(length),
    readText,
    localAddresses,
    openTransport: (settings) => openTransport(settings, time),
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

function localAddresses(): LocalAddress[] {
  const found: LocalAddress[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.family === 'IPv6') found.push({ interface: name, address: entry.address, loopback: entry.internal });
    }
  }
  return found;
}

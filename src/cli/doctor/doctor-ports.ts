import type { AsDatabase } from '../../annotate/as-data/as-database.js';
import type { NameResolver } from '../../annotate/names/names.js';
import type { Settings } from '../../config/settings.js';
import type { EngineTime } from '../../engine/trace-engine.js';
import type { ProbeTransport } from '../../transport/probe-transport.js';

/** The transport that `trace` would use with the same settings, open. */
export interface OpenedTransport {
  readonly transport: ProbeTransport;
  /** Which adapter was chosen and why. */
  readonly choice: string;
}

/** The transport that was not chosen: opened and closed again, to see whether it would do. */
export interface OtherTransport {
  readonly name: string;
  /** Why it cannot be used, with the remedy; null where it can. */
  readonly problem: string | null;
}

/** What the checks look at. */
export interface DoctorPorts {
  readonly time: EngineTime;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Text of a file, or null where it cannot be read. */
  readonly readText: (path: string) => string | null;
  /** This host's IPv6 addresses, with zone where link-local. */
  readonly localAddresses: () => readonly LocalAddress[];
  readonly openTransport: (settings: Settings) => Promise<OpenedTransport>;
  /** Of a transport that has no other one beside it: null. */
  readonly otherTransport: (settings: Settings, chosen: string) => Promise<OtherTransport | null>;
  readonly openAsDatabase: (path: string | null) => Promise<AsDatabase | null>;
  readonly resolver: (settings: Settings) => Pick<NameResolver, 'resolveTarget' | 'close'>;
}

/** An IPv6 address of this host as text, with its zone where it is link-local. */
export interface LocalAddress {
  readonly interface: string;
  readonly address: string;
  readonly loopback: boolean;
  /** Number of the interface, where known. */
  readonly scopeId?: number;
}

/** What `doctor` was asked to look at. `offline`: no probe is to be sent. */
export interface DoctorRequest {
  readonly settings: Settings;
  /** Host the first hops of whose way are looked at, or null for a documentation address. */
  readonly target: string | null;
  readonly offline: boolean;
}

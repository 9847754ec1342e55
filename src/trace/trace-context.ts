/** What a trace is told of the others in the same invocation. */
import type { Place } from './evidence/place.js';
import type { HopRecord, Protocol } from '../record/record.js';
import type { Sibling } from './sibling.js';
import type { TraceState, WitnessProtocol } from './state/trace-state.js';

/** What one place, an address at a hop limit, has shown in other traces of this run about packets with an option. */
export interface Habit {
  /** Pairs there with `plain` answered whose option is known to have passed, and how many of these it reported. */
  readonly passed: number;
  readonly reported: number;
  /** When the packets were sent whose option it quoted first and last. */
  readonly firstNs: number;
  readonly lastNs: number;
  /** Targets whose packets with the option passed it, and whether it reported none of some target's. */
  readonly targets: number;
  readonly isSilentToSome: boolean;
}

/** What a trace knows of its hops by now. */
export interface SeenHops {
  /** Index is the hop limit; [0] is unused. */
  readonly hops: readonly (Place | undefined)[];
  readonly highestHop: number;
  readonly lastPdmHop: number;
}

/** A hop that another trace measured. */
export interface NearHop {
  /** RFC 5952 text; empty where nobody answers. */
  readonly responder: string;
  /** As in the record that measured it, with `sharedFrom`. */
  readonly record: HopRecord;
}

/** What the other traces of the run know. */
export interface NearHops {
  /** This trace looks at every hop itself, for the others. */
  readonly isScout: boolean;
  /** Others are just finding out: wait for them. */
  isBeingScouted(): boolean;
  /** The hop limit to begin with where the target's distance is unknown; 1 when nothing is known. */
  startAt(): number;
  /** From a trace to the same target. */
  distanceHint(): number | null;
  /** The only way known to this responder at this hop limit, hop 1 first; null where there is none, or several. */
  wayTo(responder: string, hop: number): readonly NearHop[] | null;
  /** Called with all that is known, before every decision. */
  learn(state: TraceState, seen: SeenHops): void;
}

/** A place: an address at a hop limit. */
export interface At {
  readonly hop: number;
  readonly address: string;
}

/** Packets with the option to an address that is asked itself, on the way or elsewhere, beside which `plain` was answered. */
export interface AskedAnswers {
  readonly answered: number;
  readonly lost: number;
}

/** Those of one flow, sent at this time of the engine's clock. */
export interface AskedPair extends AskedAnswers {
  readonly sentNs: number;
}

/** The target whose answer to a packet with the option, sent at `lastNs`, was the last of those that are known. */
export interface AnsweredTarget {
  /** RFC 5952 text. */
  readonly target: string;
  readonly lastNs: number;
}

/** Whom a trace met on its way. */
export interface WayMet {
  /** Who answered plain packets of its own flow, by hop limit. */
  readonly met: readonly (string | undefined)[];
  /** The highest hop limit at which `plain` met a router on the trace's own flow. */
  readonly routerAt: number;
}

/** What the engine tells a trace of others: of the same run, or to the same target. Asked anew in each step. */
export interface TraceContext {
  /** Null where nothing is known of it in this run. */
  habitOf(hop: number, address: string): Habit | null;
  /** Packets with the option to another target of this run passed both of these places. */
  haveOthersPassed(one: At, other: At): boolean;
  /** Of the trace of this protocol to the same target, for those of other protocols; null when there is none. */
  sibling(protocol: Protocol): Sibling | null;
  /** Whether answers of this protocol are received; null while that is about to be. Asking brings it about. */
  watches(protocol: WitnessProtocol): boolean | null;
  /**
   * An answer to a packet with the option, of this protocol and quoting nothing, has come back in this run from another target
   * whose packets with the option had passed this place; hop 0 is the source. Null where none has.
   */
  answeredBeyond(protocol: Protocol, hop: number, address: string): AnsweredTarget | null;
  /**
   * What this address answered other traces of the run that asked it itself by this protocol, by packets sent after `sinceNs`;
   * null where none did.
   */
  askedByOthers(protocol: Protocol, address: string, sinceNs: number): AskedAnswers | null;
  /** Called in each step of a trace that asked somebody, for each flow of which something is known by now. */
  noteAsked(protocol: Protocol, address: string, flow: number, pair: AskedPair): void;
  /** Whether this address, 16 octets, may be sent packets to (METHOD: Good citizen): the do-not-probe list says. */
  mayBeAsked(address: Uint8Array): boolean;
  /** The target itself has quoted the option as it was sent, in another trace of this run. */
  isIntactAtTarget(): boolean;
  /** This address has said of plain packets of another trace to the same target that no way leads there. */
  saidNoWayToOthers(address: string): boolean;
  /** The highest hop limit at which other traces to the same target met a router; 0 when there are none. */
  routerSeenByOthers(): number;
  /** Whom other traces to the same target met. */
  waysOfOthers(): readonly WayMet[];
  /** Near hops that other traces have measured; null where every hop is to be this trace's own. */
  readonly nearHops: NearHops | null;
}

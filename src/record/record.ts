/**
 * The record `pdm-trace/1`: one JSON object per target and protocol. Other programs read it, so names are fixed.
 * Unknown is `null`, never 0 or "". Times are RFC 3339 UTC; durations end in `Ms`.
 */

/** The field `schema` of every record. */
export const RECORD_SCHEMA = 'pdm-trace/1';

/** The version of docs/METHOD.md by which verdicts are made. */
export const METHOD_VERSION = 3;

/** Their places here are the bits of a target's `protocols` in the store: new ones go to the end. */
export const PROTOCOLS = ['udp', 'icmp6', 'tcp'] as const;
/** The upper layer of a trace's probes: one of `PROTOCOLS`. */
export type Protocol = (typeof PROTOCOLS)[number];

/** Packet shapes (METHOD: Arms). `plain` is the control, `pdm` the treatment, the others explain. */
export const ARMS = ['plain', 'pdm', 'do8', 'do16', 'long'] as const;
/** One of `ARMS`. */
export type Arm = (typeof ARMS)[number];

/** In the order in which `trace` picks its exit code when several records differ. */
export const OUTCOMES = [
  'dropped',
  'rejected',
  'stripped',
  'altered',
  'impaired',
  'bypassed',
  'inconclusive',
  'unreachable',
  'no-difference',
  'not-measured',
  'delivered',
] as const;
/** The one word of a verdict: one of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number];

/** Outcomes that say that something on the way treats the two kinds of packets differently. Each needs evidence at the bar; the last two name nobody. */
export const ACCUSATIONS: readonly Outcome[] = ['dropped', 'rejected', 'stripped', 'altered', 'impaired', 'bypassed'];

/** Those of the table under METHOD: doubt. All other ends of the program but success have codes from 64 on. */
export const OUTCOME_EXIT_CODES: Readonly<Record<Outcome, number>> = {
  delivered: 0,
  stripped: 10,
  dropped: 11,
  rejected: 12,
  impaired: 13,
  altered: 14,
  bypassed: 15,
  'no-difference': 20,
  inconclusive: 21,
  unreachable: 22,
  'not-measured': 23,
};

/** Filled by annotation; `null` until then or where nothing is known. */
export interface AsFields {
  asn: number | null;
  asName: string | null;
  /** Present when a prefix has several origins. `asn` is the first. */
  asns?: number[];
}

/** Null address: nobody answered, or several may be meant. */
export interface NamedAddress extends AsFields {
  address: string | null;
  /** PTR name, sanitised. */
  name: string | null;
}

/** Milliseconds. */
export interface RttSummary {
  min: number;
  median: number;
  max: number;
}

/** Errors of one responder to one arm, counted by what they say (RFC 4443 §3; codes also of RFC 7112, 8754 and 8883). */
export interface IcmpCount {
  type: number;
  code: number;
  /** Parameter Problem's pointer, or the pointer of an extension object that has one. */
  pointer: number | null;
  /** Packet Too Big only. */
  mtu?: number;
  count: number;
}

/** RFC 4950. */
export interface MplsLabel {
  label: number;
  trafficClass: number;
  bottomOfStack: boolean;
  ttl: number;
}

/** RFC 5837. */
export interface InterfaceInformation {
  role: 'incoming' | 'sub-ip' | 'outgoing' | 'next-hop';
  ifIndex: number | null;
  address: string | null;
  name: string | null;
  mtu: number | null;
}

/** An extension object (RFC 4884) as it came: a Node ID (class 5), or one that is not known. */
export interface ReplyObject {
  classNumber: number;
  cType: number;
  /** Of its payload's first octets, lower case. */
  hex: string;
}

/** What errors quoted (METHOD: Replies), equal ones counted together. */
export interface QuoteCount {
  /** Every quoted octet of the option as sent, at least next header, type, length and PSNTP; null where no option was sent or the quote ends before it. */
  intact: boolean | null;
  /** E.g. `stripped`, `option-altered`, `source-rewritten`, `flow-label-rewritten`, `traffic-class-rewritten`, `hop-limit-64`. */
  changes: string[];
  count: number;
}

/** Whoever answered one arm at one hop limit, and what it said. `answered`: probes, not packets. */
export interface ResponderRecord extends AsFields {
  address: string;
  name: string | null;
  answered: number;
  /** Null when the clock stepped during the trace. */
  rttMs: RttSummary | null;
  /** Hop limit that the reply arrived with; null where the transport cannot see it. */
  replyHopLimit: number | null;
  icmp: IcmpCount[];
  mpls: MplsLabel[];
  interfaces: InterfaceInformation[];
  /** Absent where there are none. */
  objects?: ReplyObject[];
  quotes: QuoteCount[];
}

/** Probes of one arm with one hop limit: those that left this host, and those that were answered, late ones included. */
export interface ArmRecord {
  sent: number;
  answered: number;
  responders: ResponderRecord[];
}

/** Treated pairs by which packet came (METHOD: Pairs). `void`: one of them never left this host. */
export interface PairCounts {
  both: number;
  plainOnly: number;
  pdmOnly: number;
  neither: number;
  void: number;
}

/** What was sent with one hop limit. Arms besides `plain` and `pdm` are there only where they were sent. */
export interface PlaceRecord {
  pairs: PairCounts;
  arms: { plain: ArmRecord; pdm: ArmRecord } & Partial<Record<Arm, ArmRecord>>;
}

/** `hop`: the hop limit of its packets, from 1. */
export interface HopRecord extends PlaceRecord {
  hop: number;
  /** Set where the hop was not probed for this target but taken from a trace that shares it. */
  sharedFrom?: string;
  /** All who answered one probe there, a router among them: neither of them names a place. Absent where there was no such probe. */
  contradicting?: string[];
}

/**
 * Pairs sent with hop limit 64, which are to reach the target. Placebos show in `arms` alone: see `VerdictEvidence.placebo`.
 */
export interface TargetPairsRecord extends PlaceRecord {
  hop: null;
  /** Hops to the target in each arm: the smallest hop limit that the target answered. */
  distance: { plain: number | null; pdm: number | null };
}

/** `hop`: a hop limit, which with the address names a place (METHOD: Replies). */
export interface SummaryHop extends NamedAddress {
  hop: number;
  /** Two sources answered one probe there: which of them the router is, is not known. Absent otherwise, but for hop n+1. */
  uncertain?: boolean;
}

/**
 * Hop n+1 on the way of `plain`, n being where the verdict's interval begins. `candidates`: all who answered there, where
 * they are several.
 */
export interface NextHop extends SummaryHop {
  candidates: NamedAddress[];
  /** True when the two arms' paths diverge, so that hop n+1 of the plain path may not be on the other one. */
  uncertain: boolean;
}

/**
 * Whether hop n+1 is in the destination's network (METHOD: Networks). `ambiguous`: its address is of the network before,
 * which may number the destination's border.
 */
export type Membership = 'yes' | 'likely' | 'ambiguous' | 'no' | 'unknown';

/** Hop limits from … to, both included. */
export interface SilentStretch {
  from: number;
  to: number;
}

/**
 * The networks that may be meant (METHOD: Networks), as AS numbers by the origin of the longest prefix. `source` and `date`:
 * of the AS data.
 */
export interface Attribution {
  /** AS number in the reading of RFC 7872 §B.2 kindest to the transit networks; null where unknown. */
  best: number | null;
  worst: number | null;
  /** Every AS from hop n to hop u, in the order of the path. */
  candidates: number[];
  /** Stretches of hop limits within n to u at which nobody answered: a network there may be meant as well. */
  silent?: SilentStretch[];
  /** A network that no address names may be meant as well: an address without a place or an AS, an exchange LAN, another way. */
  unknown?: true;
  /** The row of METHOD's table "Networks" that applied. */
  rule: string;
  method: 'origin-as';
  source: string | null;
  date: string | null;
}

/** Null places: nobody showed them. The last two are null where the outcome names nobody. */
export interface SummaryRecord {
  /** n. */
  lastPdmHop: SummaryHop | null;
  lastPlainHop: SummaryHop | null;
  nextHop: NextHop | null;
  inDestinationNetwork: Membership | null;
  attribution: Attribution | null;
}

/** What is refused (METHOD: cause): this option, any of 16 octets, any destination option, or the length alone. */
export type Cause = 'option' | 'size' | 'destination-options' | 'length';

/**
 * The error by which packets were refused (METHOD: rejected). `hop`: the refuser's hop limit, null where it is not known.
 */
export interface Refusal {
  address: string;
  hop: number | null;
  type: number;
  code: number;
  pointer: number | null;
  /** True where the error came from the target's address and is no answer of the target: that address may be borrowed. */
  inTargetName?: boolean;
}

/** What would settle a verdict that is open, as docs/RECORD.md says of each. */
export const SETTLED_BY = [
  'retrace',
  'whole-trace',
  'steady-path',
  'later',
  'tcp',
  'other-protocol',
  'answering-protocol',
  'other-network',
  'other-way',
  'capture-at-target',
  'smaller-probes',
  'lower-rate',
  'own-filter',
] as const;
/** One of `SETTLED_BY`. */
export type SettledBy = (typeof SETTLED_BY)[number];

/**
 * The counts that the finding rests on, those of the target or of the place that `basis` stands for (docs/RECORD.md,
 * verdict).
 */
export interface VerdictEvidence {
  basis: 'target' | 'routers' | null;
  returnPath: 'excluded' | 'not excluded' | null;
  /** What quotes nothing and is lost all the same: the target's own answers, or echo pairs. Null unless the return path is excluded. */
  witness?: 'answers' | 'echo' | 'tcp' | null;
  pairs: number;
  plainOnly: number;
  pdmOnly: number;
  /** Share of probes at the target that were answered, 0–1; null when none counted. */
  rates: { plain: number | null; pdm: number | null };
  passRateUpper: number | null;
  /** Pairs of two packets of one arm, and those of them that came whole: what the losses are held against. */
  placebo?: { pairs: number; both: number };
  /** Neighbours of the target asked beyond n; null where none were. */
  neighbours?: { asked: number; same: number; differ: number } | null;
}

/**
 * The finding in fields and sentences. `confidence`: 1 − k/e of the loss claimed; `pathsDiverge`: the hop limit from which
 * on the arms' ways differ.
 */
export interface VerdictRecord {
  outcome: Outcome;
  confidence: number | null;
  /** Hop limits (after, upTo] in which the packet is lost. */
  interval: { after: number; upTo: number; likelyUpTo: number } | null;
  cause: Cause | null;
  refusal: Refusal | null;
  pathsDiverge: number | null;
  optionSeenUpTo: number | 'target' | null;
  evidence: VerdictEvidence;
  /** By the first reason that somebody can do something about; null unless `inconclusive`. Absent in older records. */
  settledBy?: SettledBy | null;
  reasons: string[];
}

/**
 * Packets of all arms, fragments of one probe counted as one. From `duplicate` to `forged`: received, and left out of every
 * finding for that reason (METHOD: Flow and identity).
 */
export interface Counters {
  sent: number;
  answered: number;
  late: number;
  duplicate: number;
  foreign: number;
  ambiguous: number;
  malformed: number;
  forged: number;
  sendErrors: number;
  kernelDrops: number | null;
}

/** Of a trace that has sent nothing. */
export function noCounters(): Counters {
  return {
    sent: 0,
    answered: 0,
    late: 0,
    duplicate: 0,
    foreign: 0,
    ambiguous: 0,
    malformed: 0,
    forged: 0,
    sendErrors: 0,
    kernelDrops: null,
  };
}

/**
 * docs/RECORD.md says of each field what it means, its unit, and when it is null; config/record.schema.json is its schema.
 */
export interface TraceRecord {
  schema: typeof RECORD_SCHEMA;
  id: string;
  runId: string;
  vantage: string | null;
  startedAt: string;
  endedAt: string;
  tool: {
    version: string;
    transport: string | null;
    clock: 'kernel' | 'process' | null;
    /** Version of METHOD. Absent where nothing was judged by it, and in older records. */
    method?: number;
  };
  parameters: { confidence: number; maxHops: number; timeoutMs: number; hopIntervalMs: number; seed: number };
  company: string | null;
  source: NamedAddress;
  target: NamedAddress & { input: string; aliases: string[] };
  /** Another name of the run has the same address: the record of the trace that was sent for both. Absent where this one was. */
  sharedWith?: string;
  protocol: Protocol;
  flow: {
    sourcePort: number | null;
    destinationPort: number | null;
    echoId: number | null;
    flowLabel: number | null;
    /** Octets of the `plain` probe, IPv6 header included, before it is fragmented. */
    size: number | null;
    /** How many fragments each probe was sent as; absent where probes were sent whole. */
    fragments?: number;
  };
  hops: HopRecord[];
  targetPairs: TargetPairsRecord | null;
  summary: SummaryRecord;
  verdict: VerdictRecord;
  pdm: {
    serverDelayMs: number | null;
    roundTripMs: number | null;
    /** Answers that claimed a server delay longer than the whole round trip: they are not believed. Absent when there were none. */
    implausible?: number;
  };
  counters: Counters;
}

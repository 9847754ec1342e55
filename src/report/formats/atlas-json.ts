import {
  ARMS,
  type Arm,
  type IcmpCount,
  type Protocol,
  type ResponderRecord,
  type TraceRecord,
} from '../../record/record.js';
import { armPath, expandReplies, quotedHopLimit, type ArmHop } from './expand-replies.js';
import { pdmTraceObject } from './pdm-trace-object.js';

/** Numbers that the format has and a record does not. */
export interface AtlasOptions {
  /** What takes the place of the ids that RIPE Atlas would give; 0 for those that have none. */
  readonly msmId?: number;
  readonly prbId?: number;
}

/** The format's version, as readers tell it from the firmware's: that of the field list this was written from. */
const FORMAT_FIRMWARE = 5080;

const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = { udp: 'UDP', icmp6: 'ICMP', tcp: 'TCP' };
const UPPER_HEADER_OCTETS: Readonly<Record<Protocol, number>> = { udp: 8, icmp6: 8, tcp: 20 };
const IPV6_HEADER_OCTETS = 40;

/** 8 × Hdr Ext Len of the arm's Destination Options header; the 8-octet one has length 0 and is left out, as by Atlas. */
const DESTINATION_OPTIONS_SIZE: Readonly<Record<Arm, number>> = { plain: 0, pdm: 8, do8: 0, do16: 8, long: 0 };

/**
 * RIPE Atlas traceroute results (version 6 of the format), one for each arm that was sent. `pdm_trace` says which; other
 * readers pass over it. Per-reply values come from totals (see `expandReplies`): a reply without `rtt` was answered, its
 * time is just not in the record. What we do not know (reply size, `lts`, ids) is left out or, where readers insist, 0.
 */
export function atlasResults(record: TraceRecord, options: AtlasOptions = {}): Record<string, unknown>[] {
  return ARMS.flatMap((arm) => {
    const path = armPath(record, arm);
    return path.length === 0 ? [] : [atlasResult(record, arm, path, options)];
  });
}

function atlasResult(record: TraceRecord, arm: Arm, path: ArmHop[], options: AtlasOptions): Record<string, unknown> {
  const startedAt = Math.floor(Date.parse(record.startedAt) / 1000);
  const endedAt = Math.floor(Date.parse(record.endedAt) / 1000);
  return {
    fw: FORMAT_FIRMWARE,
    mver: record.tool.version,
    msm_id: options.msmId ?? 0,
    prb_id: options.prbId ?? 0,
    timestamp: startedAt,
    msm_name: 'Traceroute',
    from: record.source.address ?? '',
    type: 'traceroute',
    endtime: endedAt,
    dst_name: record.target.input,
    dst_addr: record.target.address,
    src_addr: record.source.address ?? '',
    proto: PROTOCOL_NAMES[record.protocol],
    af: 6,
    size: payloadSize(record, arm),
    paris_id: 1,
    result: path.map((hop) => ({ hop: hop.hop, result: replies(hop, arm) })),
    pdm_trace: pdmTraceObject(record, arm, path),
  };
}

/** Octets after the upper-layer header; 0 where nothing is known. */
function payloadSize(record: TraceRecord, arm: Arm): number {
  if (record.flow.size === null) return 0;
  const payload = record.flow.size - IPV6_HEADER_OCTETS - UPPER_HEADER_OCTETS[record.protocol];
  return Math.max(0, payload + (arm === 'long' ? 16 : 0));
}

function replies(hop: ArmHop, arm: Arm): Record<string, unknown>[] {
  const answered = hop.responders.flatMap((responder) => responderReplies(responder, arm));
  const silent = Array.from({ length: Math.max(0, hop.sent - answered.length) }, () => ({ x: '*' }));
  return [...answered, ...silent];
}

function responderReplies(responder: ResponderRecord, arm: Arm): Record<string, unknown>[] {
  const quoted = quotedHopLimit(responder);
  const size = DESTINATION_OPTIONS_SIZE[arm];
  const hasHeader =
    responder.quotes.length > 0 && responder.quotes.every((quote) => !quote.changes.includes('stripped'));
  return expandReplies(responder).map(({ rttMs, icmp }) => ({
    from: responder.address,
    ...(responder.replyHopLimit === null ? {} : { ttl: responder.replyHopLimit }),
    ...(rttMs === null ? {} : { rtt: Math.round(rttMs * 1000) / 1000 }),
    ...(quoted === null || quoted === 1 ? {} : { ittl: quoted }),
    ...(hasHeader && size > 0 ? { dstoptsize: size } : {}),
    ...errorFields(icmp),
    ...(responder.mpls.length === 0 ? {} : { icmpext: mplsExtension(responder) }),
  }));
}

/** Atlas has letters for type 1 only; of other errors it prints the code alone, so type and code are given beside it. */
function errorFields(icmp: IcmpCount | null): Record<string, unknown> {
  if (icmp === null || icmp.type === 3 || icmp.type >= 128) return {};
  if (icmp.type === 2) return icmp.mtu === undefined ? {} : { mtu: icmp.mtu };
  if (icmp.type === 1) {
    if (icmp.code === 4) return {};
    return { err: UNREACHABLE_LETTERS[icmp.code] ?? icmp.code };
  }
  return { err: icmp.code, pdm_trace: { type: icmp.type, code: icmp.code, pointer: icmp.pointer } };
}

const UNREACHABLE_LETTERS: Readonly<Record<number, string>> = { 0: 'N', 1: 'A', 2: 'h', 3: 'H' };

/** RFC 4950 in Atlas's words. A record keeps labels only from extensions that were well-formed (RFC 4884). */
function mplsExtension(responder: ResponderRecord): Record<string, unknown> {
  const labels = responder.mpls.map(({ label, trafficClass, bottomOfStack, ttl }) => ({
    label,
    exp: trafficClass,
    s: bottomOfStack ? 1 : 0,
    ttl,
  }));
  return { version: 2, rfc4884: 1, obj: [{ class: 1, type: 1, mpls: labels }] };
}

/** What becomes of one probe, for those who send it: no other room reads its row. */
import { waitNs } from '../evidence/pair.js';
import { ARMS } from '../../record/record.js';
import type { Arm } from '../../record/record.js';
import { isExpired } from '../reply/words.js';
import { ARM_CODE, signatureOf } from '../state/trace-state.js';
import type { TraceState } from '../state/trace-state.js';
import { encodedLength, packetsPerProbe } from './probe-packet.js';

/** When it was answered, or is given up; −∞ where it never left, ∞ where it is not known yet that it has. */
export function settledAtNs(state: TraceState, row: number): number {
  const { probes } = state;
  if (probes.isFailed(row)) return Number.NEGATIVE_INFINITY;
  if (!probes.isSent(row)) return Number.POSITIVE_INFINITY;
  return probes.sentAtNs(row) + (probes.reply(row) === null ? waitNs(state) : probes.rttNs(row));
}

/** When it left; ∞ where that is not known yet. */
export function sentAtNs({ probes }: TraceState, row: number): number {
  return probes.isSent(row) ? probes.sentAtNs(row) : Number.POSITIVE_INFINITY;
}

/** By anything that was matched to it, errors included and however late. */
export function isAnswered({ probes }: TraceState, row: number): boolean {
  return probes.reply(row) !== null;
}

/** It is on this flow, and neither answered nor given up. */
export function isOutOnFlow(state: TraceState, row: number, flow: number | 'fresh', nowNs: number): boolean {
  return state.probes.flow(row) === flow && isOut(state, row, nowNs);
}

function isOut(state: TraceState, row: number, nowNs: number): boolean {
  const { probes } = state;
  if (probes.reply(row) !== null || probes.isFailed(row)) return false;
  return !probes.isSent(row) || probes.sentAtNs(row) + waitNs(state) > nowNs;
}

/** Of the arm `plain`, from which alone budgets of routers learn (METHOD: Pairs, Rhythm at a router); `long` is none. */
export function isPlainProbe(state: TraceState, row: number): boolean {
  return state.probes.arm(row) === ARM_CODE.plain;
}

/** … on the trace's own flow, on which hops are counted. */
export function isPlainOnOwnFlow(state: TraceState, row: number): boolean {
  return isPlainProbe(state, row) && state.probes.flow(row) === 0;
}

/** An error about a probe, of whoever is not the target. */
export interface ErrorAbout {
  readonly router: string;
  /** Of the probe. */
  readonly hopLimit: number;
  /** Its hop limit ran out there: it went no further. */
  readonly ranOut: boolean;
  readonly rttNs: number;
  /** Errors that one probe draws there at most: each fragment is reported by itself. */
  readonly reports: number;
}

/** Null where it is not answered, or has arrived. */
export function errorAbout(state: TraceState, row: number): ErrorAbout | null {
  const { probes } = state;
  const signature = signatureOf(state, row);
  if (signature === undefined || signature.type < 0 || signature.responder === state.identity.targetText) return null;
  const reports = packetsPerProbe(state, state.flows[probes.flow(row)]?.protocol ?? 'udp');
  return {
    router: signature.responder,
    hopLimit: probes.hopLimit(row),
    ranOut: isExpired(signature),
    rttNs: probes.rttNs(row),
    reports,
  };
}

/** A probe in words of the record, for taps and evidence files. `number`: within the trace, in the order of sending. */
export interface DescribedProbe {
  readonly number: number;
  readonly arm: Arm;
  readonly hopLimit: number;
  /** On the engine's clock; asked for later than now, as it may be corrected. */
  readonly sentAtNs: () => number;
  readonly isLate: boolean;
}

/** Who was asked by it, RFC 5952 text: the target, or a host that is asked in its place. */
export function askedBy({ probes, flows, identity }: TraceState, row: number): string {
  return flows[probes.flow(row)]?.destinationText ?? identity.targetText;
}

/** For people: captures and logs. */
export function describeProbe({ probes }: TraceState, row: number): DescribedProbe {
  const code = probes.arm(row);
  return {
    number: row,
    arm: ARMS.find((arm) => ARM_CODE[arm] === code) ?? 'plain',
    hopLimit: probes.hopLimit(row),
    sentAtNs: () => probes.sentAtNs(row),
    isLate: probes.isLate(row),
  };
}

/** Packets and octets of a probe on the wire, its fragments together. */
export function sizeOf(state: TraceState, row: number): { readonly packets: number; readonly octets: number } {
  const { probes, flows } = state;
  const protocol = flows[probes.flow(row)]?.protocol ?? 'udp';
  return { packets: packetsPerProbe(state, protocol), octets: encodedLength(state, probes.arm(row), protocol) };
}

/** What networks are put together from: routers and targets that do nothing special, their addresses, and rules. */
import { ALWAYS, FULL_QUOTE, type Action, type Host, type Match, type Router, type Rule } from './network.js';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type DraftRouter = Mutable<Router> & { rules: Rule[]; returnRules: Router['returnRules'][number][] };
export type DraftHost = Mutable<Host> & { rules: Rule[] };

export const ANY_OPTIONS: Match = { kind: 'destination-options' };
export const DROP: Action = { kind: 'drop' };

export function routerAddress(asn: number, number: number): Uint8Array {
  const address = new Uint8Array(16);
  address.set([0x20, 0x01, 0x0d, 0xb8, 0x10 | (asn >> 8), asn & 0xff]);
  address[7] = number >> 8;
  address[8] = number & 0xff;
  address[15] = 1;
  return address;
}

export const SOURCE_ADDRESS = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]);
export const TARGET_ADDRESS = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50]);

export function rule(
  stage: Rule['stage'],
  match: Match,
  action: Action,
  when: Partial<Pick<Rule, 'share' | 'fromNs' | 'untilNs'>> = {},
): Rule {
  return { stage, match, action, ...ALWAYS, ...when };
}

export function plainRouter(asn: number, number: number): DraftRouter {
  return {
    addresses: [routerAddress(asn, number)],
    asn,
    delayMs: 1,
    jitterMs: 0.1,
    forwardLoss: null,
    returnLoss: null,
    rules: [],
    returnRules: [],
    bucket: null,
    slowMs: 0.2,
    slowJitterMs: 0.5,
    quote: FULL_QUOTE,
    ownHopLimit: 255,
    silent: false,
    reports: 1,
    forwardsExpired: false,
  };
}

export function plainTarget(): DraftHost {
  return {
    addresses: [TARGET_ADDRESS],
    asn: 0xfff,
    delayMs: 1,
    jitterMs: 0.1,
    forwardLoss: null,
    returnLoss: null,
    rules: [],
    returnRules: [],
    bucket: null,
    slowMs: 0.1,
    slowJitterMs: 0.1,
    quote: FULL_QUOTE,
    ownHopLimit: 64,
    udp: 'port-unreachable',
    echo: 'replies',
    tcp: 'resets',
  };
}

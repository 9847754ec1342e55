export interface Probe {
  readonly arm: 'plain' | 'pdm' | 'do8' | 'do16' | 'long';
  readonly protocol: 'udp' | 'icmp6';
  readonly hopLimit: number;
  /** Default 50000. */
  readonly sourcePort?: number;
  /** Default 0x12345. */
  readonly flowLabel?: number;
  /** Of echo requests; by default all have one. */
  readonly echoId?: number;
  /** … by default the probe's number. */
  readonly echoSequence?: number;
}

/** The first answer to a probe. */
export interface Reply {
  readonly from: string;
  readonly type: number;
  readonly code: number;
  /** Next header of the quoted packet; null when nothing is quoted. */
  readonly quotedNextHeader: number | null;
  /** Option type in the quoted Destination Options header; null when there is none. */
  readonly quotedOption: number | null;
}

/** One probe's packet. `number`, below 65536, is how its reply is known. */
export function encode(
  ends: { readonly source: string; readonly target: string },
  probe: Probe,
  number: number,
): Uint8Array;
/** What an ICMPv6 message, without its IPv6 header, replies to which probe; null when it is no reply. */
export function decode(message: Uint8Array): { readonly number: number; readonly reply: Omit<Reply, 'from'> } | null;

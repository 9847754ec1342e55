import { formatAddress } from '../address/address.js';
import type { PacketTap, TappedProbe, TappedTrace, TappedVerdict } from '../engine/tap/packet-tap.js';
import type { PcapngFile } from '../results/files/pcapng-file.js';
import { wholePacket } from '../results/files/pcapng-packet.js';
import type { Reply } from '../trace/reply/reply.js';
import { TCP_FLAG } from '../wire/tcp.js';

/** Puts each packet into the file with a comment that says whose it is and what it was taken for. */
export function captureInto(file: Pick<PcapngFile, 'add'>): PacketTap {
  return {
    sent: (trace, probe, fragment, bytes, atNs) => {
      const part = fragment === null ? '' : `, fragment ${fragment.index + 1} of ${fragment.count}`;
      const comment = `${probeText(probe)}${part} of ${traceText(trace)}`;
      file.add({ direction: 'out', bytes: bytes.slice(), timeNs: atNs, comment: () => comment });
    },
    received: (trace, packet, reply, verdict) => {
      const { bytes, reconstruction } = wholePacket(packet, trace.source);
      const what = `${messageText(reply)} from ${formatAddress(reply.source)}`;
      const { timeNs } = packet;
      const comment = (): string => {
        const text = `${verdictText(verdict, what, timeNs)}; ${traceText(trace)}`;
        return reconstruction === null ? text : `${text}; ${reconstruction}`;
      };
      file.add({ direction: 'in', bytes, timeNs, comment });
    },
  };
}

function traceText({ target, protocol, id }: TappedTrace): string {
  return `trace ${target} ${protocol} ${id}`;
}

function probeText({ number, arm, hopLimit }: TappedProbe): string {
  return `probe ${number} (${arm}, hop ${hopLimit})`;
}

function verdictText(verdict: TappedVerdict, what: string, timeNs: number): string {
  switch (verdict.kind) {
    case 'answers':
      return `answers ${probeText(verdict.probe)}: ${what}, ${rttText(verdict.probe, timeNs)}`;
    case 'late':
      return `late, answers ${probeText(verdict.probe)} after its wait was over: ${what}, ${rttText(verdict.probe, timeNs)}`;
    case 'duplicate':
      return `duplicate, ${probeText(verdict.probe)} was answered before: ${what}, ${rttText(verdict.probe, timeNs)}`;
    case 'further-fragment':
      return `answers another fragment of ${probeText(verdict.probe)}: ${what}, ${rttText(verdict.probe, timeNs)}`;
    case 'forged':
      return `forged, not counted: ${what} has identifying octets that are not those of a probe we sent`;
    case 'ambiguous':
      return `ambiguous, not counted: ${what} has too few identifying octets to name one probe`;
    case 'malformed':
      return `malformed, not counted: ${what}`;
  }
}

function rttText({ sentAtNs }: TappedProbe, timeNs: number): string {
  const rttNs = timeNs - sentAtNs();
  return rttNs < 0 ? 'RTT not known (the clock stepped)' : `RTT ${(rttNs / 1e6).toFixed(6)} ms`;
}

/** RFC 4443's names. */
const ICMPV6_ERRORS: Readonly<Record<number, string>> = {
  1: 'Destination Unreachable',
  2: 'Packet Too Big',
  3: 'Time Exceeded',
  4: 'Parameter Problem',
};

function messageText(reply: Reply): string {
  if (reply.kind === 'echo') return 'Echo Reply';
  if (reply.kind !== 'error') {
    if (reply.kind === 'udp') return 'UDP';
    const flags = reply.bytes[reply.offset + 13] ?? 0;
    return (flags & TCP_FLAG.rst) !== 0 ? 'TCP RST' : (flags & TCP_FLAG.syn) !== 0 ? 'TCP SYN-ACK' : 'TCP';
  }
  const { type, code, pointer, mtu } = reply.error;
  const numbers = `${type}/${code}${pointer === null ? '' : `, pointer ${pointer}`}${mtu === null ? '' : `, MTU ${mtu}`}`;
  return `${ICMPV6_ERRORS[type] ?? 'ICMPv6 error'} (${numbers})`;
}

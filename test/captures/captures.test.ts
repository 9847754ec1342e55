import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { walkExtensionChain } from '../../src/wire/extension-chain.js';
import { parseIcmpv6Error } from '../../src/wire/icmpv6.js';
import { findPdm } from '../../src/wire/pdm.js';
import { parseQuotedPacket } from '../../src/wire/quoted-packet.js';
import { describePacket } from '../wire/describe-packet.js';
import { readPcap } from '../wire/pcap.js';
import { tsharkFields, tsharkFrames } from '../wire/tshark.js';

// tshark takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.pcap'))
  .map((file) => file.slice(0, -'.pcap'.length));

/** Those in which tshark and this program differ on purpose; each has a test of its own below. */
const APART = ['misplaced-hop-by-hop', 'pdmv2-draft'];

/** Labels of the tree and tshark's names for the same fields. */
const FIELDS = {
  'Traffic Class': 'ipv6.tclass',
  'Flow Label': 'ipv6.flow',
  'Payload Length': 'ipv6.plen',
  'Hop Limit': 'ipv6.hlim',
  Identification: 'ipv6.fraghdr.ident',
  'Scale DTLR': 'ipv6.opt.pdm.scale_dtlr',
  'Scale DTLS': 'ipv6.opt.pdm.scale_dtls',
  'PSN This Packet': 'ipv6.opt.pdm.psn_this_pkt',
  'PSN Last Received': 'ipv6.opt.pdm.psn_last_recv',
  'Delta Time Last Received': 'ipv6.opt.pdm.delta_last_recv',
  'Delta Time Last Sent': 'ipv6.opt.pdm.delta_last_sent',
  Code: 'icmpv6.code',
  Pointer: 'icmpv6.pointer',
  MTU: 'icmpv6.mtu',
  Identifier: 'icmpv6.echo.identifier',
  'Sequence Number': 'tcp.seq',
} as const;

function packetsOf(name: string): readonly Uint8Array[] {
  return readPcap(readFileSync(`${folder}${name}.pcap`));
}

function textOf(name: string): string {
  return readFileSync(`${folder}${name}.tshark.txt`, 'utf8');
}

/** The first error of a capture, and what it quotes. */
function firstError(name: string, skip = 0): { readonly bytes: Uint8Array; readonly offset: number; readonly end: number } {
  for (const bytes of packetsOf(name).filter((packet) => packet[6] === 58).slice(skip)) {
    const error = parseIcmpv6Error(bytes, 40);
    if (error.ok) return { bytes, offset: error.value.quoteOffset, end: error.value.quoteEnd };
  }
  return expect.fail(`${name} holds no error`);
}

describe('captures of real kernels', () => {
  it('are all here, each with its tshark text, each named in the provenance note', () => {
    const note = readFileSync(`${folder}README.md`, 'utf8');
    expect(names.length).toBeGreaterThanOrEqual(18);
    for (const name of names) {
      expect(textOf(name)).not.toBe('');
      expect(note).toContain(`\`${name}\``);
    }
  });

  it.each(names.filter((name) => !APART.includes(name)))('are decoded as tshark decodes them, field by field: %s', (name) => {
    const frames = tsharkFrames(textOf(name));
    const packets = packetsOf(name);
    expect(packets).toHaveLength(frames.length);
    for (const [index, packet] of packets.entries()) expect(describePacket(packet), `frame ${index + 1}`).toEqual(frames[index]);
  });

  it('say the same to the tshark of this machine as to the one that wrote the texts', () => {
    // By fields, whose names outlive the wording of the tree; one run for all captures.
    const labels = Object.entries(FIELDS);
    const rows = tsharkFields(
      names.flatMap(packetsOf),
      labels.map(([, field]) => field),
    );
    const frames = names.flatMap((name) => tsharkFrames(textOf(name)));
    expect(rows).toHaveLength(frames.length);
    for (const [index, frame] of frames.entries()) {
      for (const [column, [label]] of labels.entries()) {
        const values = frame.flatMap((line) => (line.startsWith(`${label}: `) ? [parseInt(line.slice(label.length + 2))] : []));
        expect(rows[index]?.[column]?.map(Number), `frame ${index + 1}, ${label}`).toEqual(values);
      }
    }
  });

  it.each([0x12, 0x22])('hold an option of the PDMv2 draft of length %i, which tshark 4.0 calls a malformed PDM', (length) => {
    const { bytes, offset, end } = firstError('pdmv2-draft', length === 0x12 ? 0 : 1);
    expect(textOf('pdmv2-draft')).toContain(`PDM: Invalid length (${length} bytes)`);
    expect(findPdm(bytes, offset + 40, end, 60)).toEqual({ version: 'pdmv2-draft', length });
    expect(parseQuotedPacket(bytes, offset, end)).toMatchObject({ ok: true, value: { pdmOffset: offset + 42, upperProtocol: 17 } });
  });

  it('hold a Hop-by-Hop header where none may be, at which the walk ends and tshark goes on', () => {
    const { bytes, offset, end } = firstError('misplaced-hop-by-hop');
    expect(textOf('misplaced-hop-by-hop')).toContain('must appear immediately after IPv6 header');
    expect(walkExtensionChain(bytes, 60, offset + 40, end)).toMatchObject({ reason: 'misplaced-hop-by-hop', upperLayer: null });
    expect(parseIcmpv6Error(bytes, 40)).toMatchObject({ ok: true, value: { type: 4, code: 1, pointer: 40 } });
  });
});

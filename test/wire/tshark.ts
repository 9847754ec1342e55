/** The outside opinion: tshark, and its text as lines that can be compared. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePcap } from './pcap.js';

/** Fields alone: checksums verified, nothing guessed from other packets. test/captures/record.py says the same. */
const PREFERENCES = [
  'udp.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'tcp.relative_sequence_numbers:FALSE',
  'tcp.analyze_sequence_numbers:FALSE',
  'tcp.calculate_timestamps:FALSE',
  'udp.calculate_timestamps:FALSE',
  'ipv6.defragment:FALSE',
].flatMap((preference) => ['-o', preference]);

/**
 * The values of these fields, per packet and field in order of occurrence. Throws, naming the package to install, when
 * there is no tshark: without it nothing here is proven.
 */
export function tsharkFields(packets: readonly Uint8Array[], fields: readonly string[]): readonly string[][][] {
  const folder = mkdtempSync(join(tmpdir(), 'pdm-trace-wire-'));
  try {
    const file = join(folder, 'packets.pcap');
    writeFileSync(file, writePcap(packets));
    const form = ['-T', 'fields', '-E', 'aggregator=|', ...fields.flatMap((field) => ['-e', field])];
    const text = execFileSync('tshark', ['-n', '-r', file, ...PREFERENCES, ...form], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const rows = text.replace(/\n$/, '').split('\n');
    return rows.map((row) => row.split('\t').map((cell) => (cell === '' ? [] : cell.split('|'))));
  } catch (cause) {
    throw new Error('tshark did not answer: install it (apt-get install tshark)', { cause });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Sections of protocols that this program only walks past. */
const SKIPPED = /^(Mobile IPv6|Encapsulating Security Payload|Options: )/;
/** Deductions in brackets, hex dumps, payload as such, link layer, and a number printed twice. */
const UNCOMPARED = /^(\[|[0-9a-f]{4} {2}|Data|Ethernet II|Raw packet data|Acknowledgment number \(raw\)|$)/;

/** One list of `label: value` lines per frame, in order; numbers decimal, their interpretation dropped. */
export function tsharkFrames(text: string): readonly (readonly string[])[] {
  const frames: string[][] = [];
  let skippedBelow = Infinity;
  for (const line of text.split('\n')) {
    const bare = line.trimStart();
    const indent = line.length - bare.length;
    if (bare.startsWith('Frame ') && indent === 0) frames.push([]);
    else if (indent > skippedBelow) continue;
    else if (SKIPPED.test(bare)) skippedBelow = indent;
    else {
      if (bare !== '') skippedBelow = Infinity;
      if (!UNCOMPARED.test(bare)) frames.at(-1)?.push(comparable(bare));
    }
  }
  return frames;
}

function comparable(line: string): string {
  const text = line.replace(/^[01. ]+ = /, '');
  const [, label, value] = /^([^:]+): (.*)$/.exec(text) ?? [];
  if (label === undefined || value === undefined || /^(Internet|User|Trans)/.test(label)) {
    // Section titles: what stands in parentheses, and TCP's numbers, come again as fields.
    return text.replace(/, Seq: .*| \(.*\)$/g, (tail) => (text.includes('payload') ? tail : ''));
  }
  const number = /\((0x[0-9a-f]+|\d+)\)$/.exec(value)?.[1];
  const leading = /^(0x[0-9a-f]+|0|[1-9]\d*)(?=$|[ ,])/.exec(value)?.[1];
  const verdict = value.includes('[correct]') ? ' correct' : value.includes('[incorrect') ? ' incorrect' : '';
  return `${label}: ${leading === undefined ? (number === undefined ? value : Number(number)) : Number(leading)}${verdict}`;
}

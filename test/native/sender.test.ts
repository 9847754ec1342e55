import { constants } from 'node:os';
import * as shim from 'pdm-native-shim';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { icmpPacket } from '../transport/contract-packets.js';
import { batchOf, Capture, isNumbered, numbered, numberOf, sendBatch, sendPackets } from './addon-packets.js';
import { octets } from './contract-network.js';
import { connect, enterNewNamespace, Host, openTunSink, run } from './network-namespace.js';

const { EINVAL, ECANCELED, EMSGSIZE, ENETUNREACH, ENOBUFS, ENODEV, EPERM } = constants.errno;
const SLOW = '2001:db8:5::1';

let peer: Host;
let closing: { close(): void }[] = [];

beforeAll(async () => {
  enterNewNamespace();
  peer = await Host.create();
  connect(null, peer, { near: 'wire0', far: 'far0', nearAddress: '2001:db8:1::1/64', farAddress: '2001:db8:1::2/64' });
  run('ip', 'link', 'set', 'wire0', 'address', '02:00:00:00:00:01');
  peer.run('ip', 'link', 'set', 'far0', 'address', '02:00:00:00:00:02');
  run('ip', 'neigh', 'replace', '2001:db8:1::2', 'lladdr', '02:00:00:00:00:02', 'dev', 'wire0');
  peer.run('ip', 'neigh', 'replace', '2001:db8:1::1', 'lladdr', '02:00:00:00:00:01', 'dev', 'far0');
  run('ip', '-6', 'route', 'add', '2001:db8:5::/64', 'via', '2001:db8:1::2');
  // Namespaces take long to be made on a machine that is busy with other tests.
}, 60_000);
afterAll(() => {
  peer.close();
});
afterEach(() => {
  for (const each of closing) each.close();
  closing = [];
  run('tc', 'qdisc', 'replace', 'dev', 'wire0', 'root', 'pfifo');
});

function open<T extends { close(): void }>(opened: T): T {
  closing.push(opened);
  return opened;
}

function openSender(options?: shim.SenderOptions): shim.Sender {
  return open(new shim.Sender(options));
}

/** Leaves the array with nothing, as a transfer to a worker does. */
function takeAway({ buffer }: { readonly buffer: ArrayBufferLike }): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

/** Bits per second; `limit`: octets that may wait. */
function slowDown(rate: string, limit: number): void {
  run('tc', 'qdisc', 'replace', 'dev', 'wire0', 'root', 'tbf', 'rate', rate, 'burst', '1600', 'limit', String(limit));
}

describe('the sender', () => {
  it('gives each packet its own outcome and goes on behind a failed one', async () => {
    const good = numbered(SLOW, 1);
    const packets = [
      good,
      numbered('2001:db8:ffff::1', 2),
      good.subarray(0, 39),
      Buffer.from(good),
      numbered(SLOW, 3, 1501),
      good,
    ];
    packets[3]![0] = 0x45;
    expect(await sendPackets(openSender(), packets)).toEqual([0, ENETUNREACH, EINVAL, EINVAL, EMSGSIZE, 0]);
  });

  it('never reads outside the arena', async () => {
    const batch = batchOf([numbered(SLOW, 1), numbered(SLOW, 2), numbered(SLOW, 3)]);
    batch.offsets.set([96 + 1, 0xffffffff, 0]);
    batch.lengths.set([48, 48, 0xffffffff]);
    await sendBatch(openSender(), { ...batch, arena: batch.arena.subarray(0, 144) });
    expect([...batch.errors]).toEqual([EINVAL, EINVAL, EINVAL]);
  });

  it('waits for room in a full interface queue: nothing is lost, the order is kept', async () => {
    slowDown('20mbit', 3000); // some thirty packets
    const capture = open(new Capture());
    const numbers = Array.from({ length: 300 }, (_, i) => i);
    const errors = await sendPackets(
      openSender(),
      numbers.map((number) => numbered(SLOW, number)),
    );
    expect(errors).toEqual(numbers.map(() => 0));
    const sent = await capture.until(300, (packet) => packet.outgoing && isNumbered(packet));
    expect(sent.map(numberOf)).toEqual(numbers);
  });

  it('waits for room in its own buffer: nothing is lost, batches keep their order', async () => {
    slowDown('100mbit', 10_000_000);
    const capture = open(new Capture({ ringBytes: 16 << 20 }));
    const sender = openSender();
    const batches = Array.from({ length: 12 }, (_, i) =>
      batchOf(Array.from({ length: 1000 }, (__, j) => numbered(SLOW, i * 1000 + j))),
    );
    await Promise.all(batches.map((batch) => sendBatch(sender, batch)));
    expect(batches.every(({ errors }) => errors.every((error) => error === 0))).toBe(true);
    const sent = await capture.until(12_000, (packet) => packet.outgoing && isNumbered(packet));
    expect(sent.map(numberOf)).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
  });

  it('says ENOBUFS when its patience with a full queue ends', async () => {
    slowDown('8kbit', 1500);
    const errors = await sendPackets(
      openSender({ patienceMs: 1 }),
      Array.from({ length: 40 }, (_, i) => numbered(SLOW, i, 1400)),
    );
    expect(new Set(errors)).toEqual(new Set([0, ENOBUFS]));
  });

  it('says ECANCELED for what is unsent when closed, and refuses what comes later', async () => {
    slowDown('8kbit', 1500);
    const sender = openSender({ patienceMs: 3_600_000 });
    const batch = batchOf(Array.from({ length: 20 }, (_, i) => numbered(SLOW, i, 1400)));
    const later = batchOf([numbered(SLOW, 21)]);
    const done = Promise.all([sendBatch(sender, batch), sendBatch(sender, later)]);
    sender.close();
    sender.close();
    await done;
    expect(new Set(batch.errors)).toEqual(new Set([0, ECANCELED]));
    expect([...later.errors]).toEqual([ECANCELED]);
    await expect(sendBatch(sender, later)).rejects.toMatchObject({ code: 'EBADF', errno: -9, syscall: 'sendmmsg' });
  });

  it('rejects when the arrays were taken away while it waited', async () => {
    slowDown('8kbit', 1500);
    const sender = openSender({ patienceMs: 3_600_000 });
    const batch = batchOf(Array.from({ length: 20 }, (_, i) => numbered(SLOW, i, 1400)));
    const done = sendBatch(sender, batch);
    takeAway(batch.errors);
    await expect(done).rejects.toMatchObject({ code: 'EFAULT' });
  });

  it('refuses packets whose arena was taken away while it waited', async () => {
    slowDown('8kbit', 1500);
    const sender = openSender({ patienceMs: 3_600_000 });
    const batch = batchOf(Array.from({ length: 20 }, (_, i) => numbered(SLOW, i, 1400)));
    const done = sendBatch(sender, batch);
    takeAway(batch.arena);
    await done;
    expect(new Set(batch.errors)).toEqual(new Set([0, EINVAL]));
  });

  it('reports what the local firewall refuses', async () => {
    run(
      'nft',
      'add table ip6 t; add chain ip6 t c { type filter hook output priority 0; }; add rule ip6 t c exthdr dst exists drop',
    );
    const refused = numbered(SLOW, 1, 56);
    refused.set(Buffer.from('3b00010400000000', 'hex'), 40);
    refused[6] = 60;
    expect(await sendPackets(openSender(), [refused, numbered(SLOW, 2)])).toEqual([EPERM, 0]);
    run('nft', 'delete table ip6 t');
  });

  it('sends into links without addresses, from a source that the host does not have, and over loopback', async () => {
    const close = await openTunSink('tun0', 'silent');
    run('ip', '-6', 'route', 'add', '2001:db8:6::/64', 'dev', 'tun0');
    const capture = open(new Capture());
    const foreign = numbered('2001:db8:6::1', 1, 48, '2001:db8:77::1');
    expect(await sendPackets(openSender(), [foreign, numbered('::1', 2, 48, '::1')])).toEqual([0, 0]);
    const sent = await capture.until(2, (packet) => packet.outgoing && isNumbered(packet));
    expect(sent[0]?.bytes.toString('hex')).toBe(foreign.toString('hex'));
    close();
  });

  it('sends to link-local addresses on the link that the scope names', async () => {
    const index = Number.parseInt(run('ip', '-oneline', 'link', 'show', 'wire0'), 10);
    const capture = open(new Capture());
    const packet = numbered('fe80::2', 7, 48, 'fe80::1');
    run('ip', 'neigh', 'replace', 'fe80::2', 'lladdr', '02:00:00:00:00:02', 'dev', 'wire0');
    const batch = batchOf([packet, packet]);
    await sendBatch(openSender(), batch, Uint32Array.of(index, 0x7fffffff));
    expect([...batch.errors]).toEqual([0, ENODEV]);
    const [sent] = await capture.until(1, (each) => each.outgoing && isNumbered(each));
    expect(sent).toMatchObject({ interfaceIndex: index, bytes: packet });
  });

  it('sends through the given interface only', async () => {
    expect(await sendPackets(openSender({ device: 'lo' }), [numbered(SLOW, 1)])).toEqual([ENETUNREACH]);
    expect(() => new shim.Sender({ device: 'none0' })).toThrow(expect.objectContaining({ code: 'ENODEV' }));
  });

  // Newer kernels drop such errors themselves; on older ones the socket's own address is what protects it.
  it('is not disturbed by a stranger’s ICMPv6 errors about its protocol number', async () => {
    const sender = openSender();
    const strangerSends = open(new Capture());
    const ends = { source: octets('2001:db8:1::2'), destination: octets('2001:db8:1::1') };
    const forged = (quotedSource: string): Buffer => {
      const quote = numbered(SLOW, 9, 48, quotedSource);
      quote[6] = 255;
      return icmpPacket(ends, {}, 1, 1, Buffer.concat([Buffer.alloc(4), quote]));
    };
    const packets = ['2001:db8:1::1', 'ff02::1', 'ff0e::1234', '::'].map(forged);
    await peer.script(`
      const shim = require(${JSON.stringify(process.cwd())} + '/native-shim/index.cjs');
      const packets = ${JSON.stringify(packets.map((packet) => packet.toString('hex')))}.map((hex) => Buffer.from(hex, 'hex'));
      (async () => {
        for (const packet of packets) {
          const errors = new Int32Array(1);
          await new shim.Sender().send(packet, Uint32Array.of(0), Uint32Array.of(packet.length), null, errors, new Float64Array(1));
          console.log(errors[0]);
        }
      })();
    `);
    await strangerSends.until(packets.length, ({ bytes, outgoing }) => !outgoing && bytes[6] === 58 && bytes[40] === 1);
    for (let i = 0; i < 2 * packets.length; i += 1) expect(await sendPackets(sender, [numbered(SLOW, i)])).toEqual([0]);
  });

  it('tells when each packet was given to the kernel', async () => {
    const batch = batchOf(Array.from({ length: 100 }, (_, i) => numbered(SLOW, i)));
    const before = shim.nowNs();
    await sendBatch(openSender(), batch);
    const times = [before, ...batch.times, shim.nowNs()];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

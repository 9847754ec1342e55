import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as shim from 'pdm-native-shim';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ACCEPT_ALL,
  batchOf,
  Capture,
  ETHER_TYPE_IPV6,
  isNumbered,
  numbered,
  numberOf,
  sendBatch,
  sendPackets,
} from './addon-packets.js';
import { connect, enterNewNamespace, Host, run } from './network-namespace.js';

const addon = fileURLToPath(new URL('../../native-shim/index.cjs', import.meta.url));
const SELF = '::1';
const REJECT = Uint32Array.of(6, 0, 0, 0);
/** Keeps 60 octets. */
const CUT = Uint32Array.of(6, 0, 0, 60);

let peer: Host;
let closing: { close(): void }[] = [];

beforeAll(async () => {
  enterNewNamespace();
  peer = await Host.create();
});
afterAll(() => {
  peer.close();
});
afterEach(() => {
  for (const each of closing) each.close();
  closing = [];
});

function open<T extends { close(): void }>(opened: T): T {
  closing.push(opened);
  return opened;
}
const toSelf = (count: number, length?: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => numbered(SELF, i, length, SELF));

describe('the receiver', () => {
  it('sees packets leave and arrive, in order, with the kernel’s time and the interface', async () => {
    const capture = open(new Capture());
    const before = shim.nowNs();
    const batch = batchOf(toSelf(50));
    await sendBatch(open(new shim.Sender()), batch);
    const seen = await capture.until(100, isNumbered);
    const after = shim.nowNs();
    expect(seen.map(({ outgoing }) => outgoing)).toEqual(seen.map((_, i) => i % 2 === 0));
    expect(seen.map(numberOf)).toEqual(seen.map((_, i) => Math.floor(i / 2)));
    const times = [before, ...seen.map(({ timeNs }) => timeNs), after];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(seen.map(({ interfaceIndex }) => interfaceIndex))).toEqual(new Set([1]));
    expect(seen[1]).toMatchObject({ flags: 0, bytes: numbered(SELF, 0, 48, SELF) });
    expect(capture.receiver.stats()).toMatchObject({ received: 100, delivered: 100, dropped: 0, ringBytes: 1 << 20 });
  });

  it('sees only what arrives when asked for one type', async () => {
    const capture = open(new Capture({ etherType: ETHER_TYPE_IPV6 }));
    await sendPackets(open(new shim.Sender()), toSelf(5));
    await capture.until(5, isNumbered);
    expect(capture.all.filter(isNumbered).map(({ outgoing }) => outgoing)).toEqual([false, false, false, false, false]);
  });

  it('applies its filter from the first packet on, and a new one at once', async () => {
    const sender = open(new shim.Sender());
    const capture = open(new Capture({ etherType: ETHER_TYPE_IPV6, filter: REJECT }));
    await sendPackets(sender, toSelf(5));
    capture.receiver.setFilter(ACCEPT_ALL);
    await sendPackets(sender, [numbered(SELF, 77, 48, SELF)]);
    capture.receiver.setFilter(REJECT);
    await sendPackets(sender, toSelf(5));
    capture.receiver.setFilter(ACCEPT_ALL);
    await sendPackets(sender, [numbered(SELF, 78, 48, SELF)]);
    expect((await capture.until(2, isNumbered)).map(numberOf)).toEqual([77, 78]);
  });

  it('marks packets that are cut, by the filter or because they are longer than a block', async () => {
    const sender = open(new shim.Sender());
    const capture = open(new Capture({ etherType: ETHER_TYPE_IPV6, filter: CUT }));
    await sendPackets(sender, toSelf(1, 61));
    expect((await capture.until(1, isNumbered))[0]).toMatchObject({
      flags: 4,
      bytes: numbered(SELF, 0, 61, SELF).subarray(0, 60),
    });
    capture.receiver.setFilter(ACCEPT_ALL);
    const longest = numbered(SELF, 1, 60_000, SELF);
    await sendPackets(sender, [longest, numbered(SELF, 2, 9_000, SELF)]);
    const [, long, jumbo] = await capture.until(3, isNumbered);
    expect(long?.flags).toBe(4);
    expect(long?.bytes.equals(longest.subarray(0, long.bytes.length))).toBe(true);
    expect(long?.bytes.length).toBeGreaterThan(32_000);
    expect(jumbo).toMatchObject({ flags: 0, bytes: numbered(SELF, 2, 9_000, SELF) });
  });

  it('counts what it had no room for, and goes on afterwards', async () => {
    const sender = open(new shim.Sender());
    const capture = open(new Capture({ etherType: ETHER_TYPE_IPV6, ringBytes: 64 << 10 }));
    const batch = batchOf(toSelf(500, 1000));
    await sendBatch(sender, batch); // in one go: JavaScript cannot read meanwhile
    await sendPackets(sender, [numbered(SELF, 5000, 48, SELF)]);
    const first = capture.receiver.stats();
    expect(first.dropped).toBeGreaterThan(400);
    expect(first.received).toBe(501);
    await capture.until(1, isNumbered);
    await sendPackets(sender, [numbered(SELF, 5001, 48, SELF)]);
    await capture.until(1, (packet) => isNumbered(packet) && numberOf(packet) === 5001);
    const { received, dropped, delivered } = capture.receiver.stats();
    expect(received).toBe(502);
    expect(delivered).toBe(received - dropped);
    capture.close();
    expect(capture.receiver.stats()).toMatchObject({ received, dropped, delivered });
  });

  it('hands a packet over once that passes a bridge and its port', async () => {
    connect(null, peer, { near: 'port0', far: 'far0', farAddress: '2001:db8:3::2/64' });
    run('ip', 'link', 'add', 'bridge0', 'type', 'bridge');
    run('ip', 'link', 'set', 'port0', 'master', 'bridge0');
    run('ip', 'address', 'add', '2001:db8:3::1/64', 'dev', 'bridge0', 'nodad');
    run('ip', 'link', 'set', 'bridge0', 'up');
    const capture = open(new Capture());
    const isEcho = ({ bytes }: { bytes: Buffer }): boolean =>
      bytes[6] === 58 && (bytes[40] === 128 || bytes[40] === 129);
    const [unrelated] = await Promise.all([
      capture.until(2, isEcho),
      peer.script(`
        const shim = require(${JSON.stringify(addon)});
        const packet = Buffer.from('${echoRequest}', 'hex');
        const timer = setInterval(async () => {
          await new shim.Sender().send(packet, Uint32Array.of(0), Uint32Array.of(packet.length), null, new Int32Array(1), new Float64Array(1));
          console.log('sent');
          clearInterval(timer);
        }, 1);
      `),
    ]);
    expect(unrelated.map(({ outgoing, bytes }) => [outgoing, bytes[40]])).toEqual([
      [false, 128],
      [true, 129],
    ]);
    await sendPackets(open(new shim.Sender()), [numbered(SELF, 1, 48, SELF)]);
    await capture.until(1, isNumbered);
    expect(capture.all.filter(isEcho)).toHaveLength(2);
    expect(capture.receiver.stats().received).toBeGreaterThanOrEqual(4);
  });

  it('reports as broken when its memory was taken away', async () => {
    const error = await new Promise<shim.NativeError>((resolve) => {
      const receiver = new shim.Receiver(
        { etherType: ETHER_TYPE_IPV6, filter: ACCEPT_ALL, ringBytes: 1 << 16 },
        () => undefined,
        resolve,
      );
      structuredClone(receiver.octets.buffer, { transfer: [receiver.octets.buffer as ArrayBuffer] });
      void sendPackets(open(new shim.Sender()), toSelf(1));
    });
    expect(error).toMatchObject({ code: 'EFAULT', syscall: 'recv' });
  });

  it('can be closed from within its own callback', async () => {
    let batches = 0;
    const sender = open(new shim.Sender());
    await new Promise<void>((resolve) => {
      const receiver = new shim.Receiver(
        { etherType: ETHER_TYPE_IPV6, filter: ACCEPT_ALL, ringBytes: 1 << 20 },
        () => {
          batches += 1;
          receiver.close();
          receiver.close();
          resolve();
        },
        () => undefined,
      );
      void sendPackets(sender, toSelf(500));
    });
    await sendPackets(sender, toSelf(500));
    const capture = open(new Capture());
    await sendPackets(sender, toSelf(1));
    await capture.until(1, isNumbered);
    expect(batches).toBe(1);
  });

  it('makes an uncaught exception of what its listener throws, and goes on', () => {
    const script = `
      const shim = require(process.argv[1]);
      let batches = 0;
      process.on('uncaughtException', (error) => console.log(error.message));
      const receiver = new shim.Receiver({ etherType: ${ETHER_TYPE_IPV6}, filter: Uint32Array.of(6, 0, 0, 99) }, () => {
        if (++batches === 2) process.exit(0);
        setTimeout(send, 1);
        throw new Error('from the listener');
      }, () => undefined);
      const packet = Buffer.from('${numbered(SELF, 1, 48, SELF).toString('hex')}', 'hex');
      const sender = new shim.Sender();
      const send = () => sender.send(packet, Uint32Array.of(0), Uint32Array.of(48), null, new Int32Array(1), new Float64Array(1));
      send();
    `;
    expect(execFileSync(process.execPath, ['-e', script, addon], { encoding: 'utf8' })).toBe('from the listener\n');
  });

  it('and the sender end with the worker that opened them, whatever they are doing', async () => {
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const shim = require(workerData);
      const packet = Buffer.from('${numbered(SELF, 1, 48, SELF).toString('hex')}', 'hex');
      new shim.Receiver({ etherType: 3, filter: Uint32Array.of(6, 0, 0, 99) }, () => parentPort.postMessage('received'), () => undefined);
      const sender = new shim.Sender();
      const count = 1024;
      const send = () => sender.send(packet, new Uint32Array(count), new Uint32Array(count).fill(48), null, new Int32Array(count), new Float64Array(count)).then(send);
      for (let i = 0; i < 8; i++) send();
    `;
    for (let round = 0; round < 5; round += 1) {
      const worker = new Worker(script, { eval: true, workerData: addon });
      await new Promise((resolve) => worker.once('message', resolve));
      expect(await worker.terminate()).toBe(1);
    }
  });

  it('refuses wrong options with a code', () => {
    const onBatch = (): void => undefined;
    const openWith = (options: object) => () => new shim.Receiver(options as shim.ReceiverOptions, onBatch, onBatch);
    const type = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }) as Error;
    const range = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }) as Error;
    const filter = ACCEPT_ALL;
    expect(openWith({ filter })).toThrow(type);
    expect(openWith({ etherType: 3 })).toThrow(type);
    expect(openWith({ etherType: 3, filter: [6, 0, 0, 1] })).toThrow(type);
    expect(openWith({ etherType: 3, filter: new Uint32Array(0) })).toThrow(range);
    expect(openWith({ etherType: 3, filter: new Uint32Array(5) })).toThrow(range);
    expect(openWith({ etherType: 3, filter: new Uint32Array(4 * 4097) })).toThrow(range);
    expect(openWith({ etherType: 3, filter: Uint32Array.of(0x10006, 0, 0, 1) })).toThrow(range);
    expect(openWith({ etherType: 65_536, filter })).toThrow(range);
    expect(openWith({ etherType: 3, filter, ringBytes: 1000 })).toThrow(range);
    expect(openWith({ etherType: 3, filter, blockTimeoutMs: 0.5 })).toThrow(range);
    // Neither a return at the end nor a known instruction: the kernel says so.
    expect(openWith({ etherType: 3, filter: Uint32Array.of(0xffff, 0, 0, 1) })).toThrow(
      expect.objectContaining({ code: 'EINVAL', errno: -22, syscall: 'setsockopt(SO_ATTACH_FILTER)' }) as Error,
    );
  });
});

const echoRequest = (() => {
  const addresses = `20010db800030000000000000000000220010db8000300000000000000000001`;
  const words = `${addresses}000000080000003a8000000012340001`.match(/.{4}/g)!.map((word) => Number.parseInt(word, 16));
  let sum = words.reduce((total, word) => total + word, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return `6000000000083a40${addresses}8000${(~sum & 0xffff).toString(16).padStart(4, '0')}12340001`;
})();

import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ObservedPacket, ProbeTransport, SendOutcome } from '../../../src/transport/probe-transport.js';
import type { RawSocket } from '../../../src/transport/raw-socket/raw-socket-module.js';
import { failed, OK, sendAll } from '../behaviour.js';
import { udpPacket } from '../contract-packets.js';
import { octets } from '../inside-fixture.js';

type After = Parameters<RawSocket['send']>[5];

/** Stands in for the module, so that the kernel's rarer answers can be had. */
class FakeSocket extends EventEmitter implements RawSocket {
  readonly protocol: number;
  readonly queue: { readonly before: () => void; readonly after: After; readonly packet: string }[] = [];
  closed = false;
  static all: FakeSocket[] = [];
  static refuse: { readonly protocol: number; readonly text: string } | null = null;
  /** Of sockets that receive: the one that sends is there before them. */
  static refuseOption: string | null = null;
  /** The module cannot be loaded. */
  static missing: string | null = null;

  constructor({ protocol }: { readonly protocol: number }) {
    super();
    if (FakeSocket.refuse?.protocol === protocol) throw new Error(FakeSocket.refuse.text);
    this.protocol = protocol;
    FakeSocket.all.push(this);
  }

  send(buffer: Buffer, offset: number, length: number, _to: string, before: () => void, after: After): this {
    this.queue.push({ before, after, packet: buffer.toString('hex', offset, offset + length) });
    return this;
  }

  /** What the module does when the socket is writable. */
  writable(error: string | null = null): void {
    const request = this.queue.shift();
    request?.before();
    request?.after(error === null ? null : new Error(error), 0);
  }

  setOption(): void {
    if (FakeSocket.refuseOption !== null && this.protocol === ICMP6) throw new Error(FakeSocket.refuseOption);
  }

  getOption(): number {
    return 4;
  }

  pauseRecv(): this {
    return this;
  }

  close(): this {
    if (this.closed) throw new Error('closed twice');
    this.closed = true;
    return this;
  }

  static of(protocol: number): FakeSocket {
    const found = FakeSocket.all.find((socket) => socket.protocol === protocol && !socket.closed);
    if (found === undefined) throw new Error(`No open socket of protocol ${protocol}.`);
    return found;
  }
}

const clock = { nowNs: () => performance.now() * 1e6 };
const packet = udpPacket(
  { source: octets('2001:db8::1'), destination: octets('2001:db8::2') },
  { sourcePort: 1, destinationPort: 2 },
);
const [SENDING, ICMP6, UDP] = [255, 58, 17];

async function open(): Promise<ProbeTransport> {
  vi.resetModules();
  const { openRawSocketTransport } = await import('../../../src/transport/raw-socket/raw-socket-transport.js');
  return openRawSocketTransport({ clock });
}

describe('the raw-socket transport', () => {
  beforeEach(() => {
    FakeSocket.all = [];
    FakeSocket.refuse = null;
    FakeSocket.refuseOption = null;
    FakeSocket.missing = null;
    // Once a test: of two mocks of a module set in a row, either may be the one that counts.
    vi.doMock('raw-socket', () => {
      if (FakeSocket.missing !== null) throw new Error(FakeSocket.missing);
      return {
        default: {
          AddressFamily: { IPv6: 2 },
          createSocket: (options: { readonly protocol: number }) => new FakeSocket(options),
        },
      };
    });
  });
  afterEach(() => {
    vi.doUnmock('raw-socket');
  });

  it('tells that the module is missing and what builds it', async () => {
    FakeSocket.missing = 'Cannot find module ./build/Release/raw.node';
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('g++ make python3') as string,
      cause: expect.anything() as unknown,
    });
  });

  it('closes the sockets that it has when another cannot be opened', async () => {
    FakeSocket.refuse = { protocol: ICMP6, text: 'Too many open files' };
    await expect(open()).rejects.toMatchObject({ code: 'EMFILE', syscall: 'socket' });
    expect(FakeSocket.all.map(({ closed }) => closed)).toEqual([true]);
  });

  it('closes all sockets when one cannot be set up', async () => {
    FakeSocket.refuseOption = 'Invalid argument';
    await expect(open()).rejects.toMatchObject({ code: 'EINVAL', syscall: 'setsockopt' });
    expect(FakeSocket.all.map(({ closed }) => closed)).toEqual([true, true]);
  });

  it('goes on watching what it did when a socket for more is refused', async () => {
    const transport = await open();
    const seen: number[] = [];
    transport.onPackets(([first]) => seen.push(first?.bytes[3] ?? -1));
    await transport.watch([{ protocol: 'udp', from: 7, to: 7 }]);
    FakeSocket.refuse = { protocol: 6, text: 'Operation not permitted' };
    await expect(
      transport.watch([
        { protocol: 'udp', from: 8, to: 8 },
        { protocol: 'tcp', from: 8, to: 8 },
      ]),
    ).rejects.toMatchObject({ code: 'EPERM' });
    for (const port of [7, 8]) FakeSocket.of(UDP).emit('message', Buffer.from([0, 9, 0, port]), '2001:db8::2');
    expect(seen).toEqual([7]);
    await transport.close();
  });

  it('never has more than 32 packets in the queue of the module, and sends all in order', async () => {
    const transport = await open();
    const packets = Array.from({ length: 1000 }, (_, i) => {
      const copy = Buffer.from(packet);
      copy.writeUInt16BE(i, 40);
      return copy;
    });
    const pending = Promise.all([sendAll(transport, packets.slice(0, 600)), sendAll(transport, packets.slice(600))]);
    const sent: string[] = [];
    const { queue } = FakeSocket.of(SENDING);
    while (queue.length > 0) {
      expect(queue.length).toBeLessThanOrEqual(32);
      sent.push(queue[0]!.packet);
      FakeSocket.of(SENDING).writable();
    }
    expect(sent).toEqual(packets.map((each) => each.toString('hex')));
    expect((await pending).flat()).toEqual(packets.map(() => OK));
    await transport.close();
  });

  it('gives each failed send the name of its errno, and the time just before the call to the others', async () => {
    const transport = await open();
    const pending = sendAll(transport, [packet, packet, packet, packet]);
    const socket = FakeSocket.of(SENDING);
    const beforeNs = clock.nowNs();
    for (const text of ['No buffer space available', null, 'Message too long', 'never heard of']) socket.writable(text);
    const outcomes = await pending;
    expect(outcomes).toEqual([failed('ENOBUFS'), OK, failed('EMSGSIZE'), failed('UNKNOWN')]);
    expect(messageOf(outcomes[3])).toContain('never heard of');
    expect(outcomes[1]?.ok === true && outcomes[1].sentAtNs >= beforeNs).toBe(true);
    await transport.close();
  });

  it('refuses packets outside the arena or shorter than a header without touching the module', async () => {
    const transport = await open();
    const arena = new Uint8Array(100);
    const offsets = Uint32Array.of(0, 61, 0xffffffff, 0);
    const lengths = Uint32Array.of(39, 40, 40, 101);
    expect(await transport.send(arena, offsets, lengths)).toEqual(Array.from(offsets, () => failed('EINVAL')));
    expect(FakeSocket.of(SENDING).queue).toEqual([]);
    await transport.close();
  });

  it('rejects a batch that is too long or whose arrays differ', async () => {
    const transport = await open();
    const tooMany = new Uint32Array(transport.capabilities.maxBatch + 1);
    await expect(transport.send(packet, tooMany, tooMany)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    await expect(transport.send(packet, new Uint32Array(2), new Uint32Array(1))).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
    await transport.close();
  });

  it('cancels on close what the module has queued and what waits behind it, once', async () => {
    const transport = await open();
    const packets = Array.from({ length: 50 }, () => packet);
    const pending = sendAll(transport, packets);
    const socket = FakeSocket.of(SENDING);
    socket.writable();
    await transport.close();
    const outcomes = await pending;
    expect(outcomes).toEqual([OK, ...packets.slice(1).map(() => failed('ECANCELED'))]);
    socket.writable();
    expect(await pending).toBe(outcomes);
    expect(outcomes[1]).toEqual(failed('ECANCELED'));
    await expect(transport.watch([])).rejects.toMatchObject({ code: 'ECANCELED' });
    await expect(transport.route(octets('::1'))).rejects.toMatchObject({ code: 'ECANCELED' });
  });

  it('takes a receive error that passes for what it is', async () => {
    const transport = await open();
    const errors: Error[] = [];
    transport.onError((error) => errors.push(error));
    for (const text of ['Resource temporarily unavailable', 'Interrupted system call', 'Cannot allocate memory']) {
      FakeSocket.of(ICMP6).emit('error', new Error(text));
    }
    expect(errors).toEqual([]);
    await transport.close();
  });

  it('is over after any other error: tells it once, also to who asks later, and cancels what is pending', async () => {
    const transport = await open();
    const errors: Error[] = [];
    transport.onError((error) => errors.push(error));
    const pending = sendAll(transport, [packet]);
    FakeSocket.of(ICMP6).emit('error', new Error('-9'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'EBADF' });
    expect(await pending).toEqual([failed('ECANCELED')]);
    const later: Error[] = [];
    transport.onError((error) => later.push(error));
    expect(later).toEqual(errors);
    expect(FakeSocket.all.every(({ closed }) => closed)).toBe(true);
  });

  it('lets an exception of its listener surface as one, and not as an error of the socket', async () => {
    const transport = await open();
    const errors: Error[] = [];
    transport.onError((error) => errors.push(error));
    transport.onPackets(() => {
      throw new Error('a defect of the listener');
    });
    const uncaught: Error[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    FakeSocket.of(ICMP6).emit('message', Buffer.alloc(8), '2001:db8::1');
    await nextTurn();
    await nextTurn();
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
    expect(uncaught.map(({ message }) => message)).toEqual(['a defect of the listener']);
    expect(errors).toEqual([]);
    await transport.close();
  });

  it('delivers errors of any type, and of the rest only echo replies to a watched identifier', async () => {
    const transport = await open();
    const types: number[] = [];
    transport.onPackets(([first]) => types.push(first?.bytes[0] ?? -1));
    await transport.watch([{ protocol: 'icmp6', from: 5, to: 5 }]);
    const socket = FakeSocket.of(ICMP6);
    const messages = [
      ...[0, 1, 127].map((type) => [type]),
      ...[128, 129, 130, 135, 255].map((type) => [type, 0, 0, 0, 0, 5]),
      [129, 0, 0, 0, 0, 6],
      [129, 0, 0, 0, 5],
      [],
    ];
    for (const message of messages) socket.emit('message', Buffer.from(message), '2001:db8::1');
    expect(types).toEqual([0, 1, 127, 129]);
    await transport.close();
  });

  it('delivers UDP and TCP by their local port, and survives datagrams too short to have one', async () => {
    const transport = await open();
    const seen: [string, number][] = [];
    transport.onPackets(([first]) => {
      const { layer, bytes, hopLimit } = first as ObservedPacket;
      expect(hopLimit).toBeNull();
      seen.push([layer, bytes.length]);
    });
    await transport.watch([
      { protocol: 'udp', from: 0, to: 0 },
      { protocol: 'udp', from: 65_535, to: 65_535 },
      { protocol: 'tcp', from: 256, to: 511 },
    ]);
    for (const protocol of [UDP, 6]) {
      for (const bytes of [[], [0], [0, 0, 0], [0, 0, 0, 0], [9, 9, 255, 255, 1], [0, 0, 1, 0, 1, 1], [0, 0, 2, 0]]) {
        FakeSocket.of(protocol).emit('message', Buffer.from(bytes), '2001:db8::1');
      }
    }
    expect(seen).toEqual([
      ['udp', 4],
      ['udp', 5],
      ['tcp', 6],
    ]);
    await transport.close();
  });

  it('opens sockets for UDP and TCP when they are watched, and closes them when no longer', async () => {
    const transport = await open();
    const protocols = (): number[] => FakeSocket.all.filter(({ closed }) => !closed).map(({ protocol }) => protocol);
    expect(protocols()).toEqual([255, 58]);
    await transport.watch([{ protocol: 'tcp', from: 1, to: 2 }]);
    await transport.watch([{ protocol: 'tcp', from: 3, to: 4 }]);
    expect(protocols()).toEqual([255, 58, 6]);
    await transport.watch([{ protocol: 'udp', from: 3, to: 4 }]);
    expect(protocols()).toEqual([255, 58, 17]);
    await transport.watch([]);
    expect(protocols()).toEqual([255, 58]);
    await transport.close();
    expect(protocols()).toEqual([]);
  });

  it('delivers nothing that the module still had when the transport was closed in a callback', async () => {
    const transport = await open();
    let delivered = 0;
    const socket = FakeSocket.of(ICMP6);
    transport.onPackets(() => {
      delivered += 1;
      void transport.close();
    });
    socket.emit('message', Buffer.alloc(8), '2001:db8::1');
    socket.emit('message', Buffer.alloc(8), '2001:db8::1');
    expect(delivered).toBe(1);
  });
});

function messageOf(outcome: SendOutcome | undefined): string {
  return outcome?.ok === false ? outcome.message : '';
}

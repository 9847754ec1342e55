import fc from 'fast-check';
import * as shim from 'pdm-native-shim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCEPT_ALL } from './addon-packets.js';
import { enterNewNamespace } from './network-namespace.js';

/** Anything that JavaScript has, and the awkward things in particular. */
const anything = fc.oneof(
  fc.anything({
    withBigInt: true,
    withTypedArray: true,
    withNullPrototype: true,
    withSparseArray: true,
    withDate: true,
  }),
  fc.constantFrom<unknown>(
    NaN,
    -0,
    Infinity,
    2 ** 53,
    -1,
    1e300,
    Symbol('s'),
    10n ** 30n,
    'lo',
    '\0',
    'x'.repeat(1 << 16),
  ),
  fc.constant(undefined).map(() => {
    const detached = new Uint32Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    return detached;
  }),
  fc.constant(undefined).map(() => new Uint8Array(new SharedArrayBuffer(64))),
  fc
    .constant(undefined)
    .map(() => new Uint32Array(Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }]) as ArrayBuffer)),
  fc.constant(undefined).map(() => throwing),
  fc.constant(undefined).map(() => new Proxy([], {})),
  fc.constant(undefined).map(() => () => {
    throw new Error('called');
  }),
  fc.constantFrom<unknown>(shim.Sender, shim.Receiver, globalThis, shim),
);

const throwing: unknown = new Proxy(
  {},
  {
    get() {
      throw new Error('a getter threw');
    },
  },
);

const numbers = fc.oneof(fc.integer(), fc.double(), fc.constantFrom<unknown>(0, 1, 3, 0x86dd, 65_536, undefined, null));
const filters = fc.oneof(
  fc.constant(ACCEPT_ALL),
  fc.array(fc.nat({ max: 0x7fff_ffff }), { maxLength: 40 }).map((words) => Uint32Array.from(words)),
  anything,
);

let sender: shim.Sender;
let receiver: shim.Receiver;
beforeAll(() => {
  enterNewNamespace();
  sender = new shim.Sender();
  receiver = new shim.Receiver(
    { etherType: 3, filter: ACCEPT_ALL, ringBytes: 1 << 16 },
    () => undefined,
    () => undefined,
  );
});
afterAll(() => {
  sender.close();
  receiver.close();
});

/** An abort would end the whole test process; what throws must be an Error, and no error may be left behind. */
function survives(attempt: () => unknown): void {
  try {
    const result = attempt();
    if (result instanceof Promise) result.catch(() => undefined);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
  }
}

const call = (target: unknown, values: readonly unknown[]): unknown =>
  (target as (...all: unknown[]) => unknown)(...values);

describe('the addon survives any arguments:', () => {
  it('of send', () => {
    const arrays = fc.tuple(
      fc.oneof(fc.uint8Array({ maxLength: 200 }), anything),
      fc.oneof(fc.uint32Array({ maxLength: 4 }), fc.constant(Uint32Array.of(0, 0, 0)), anything),
      fc.oneof(fc.uint32Array({ maxLength: 4 }), fc.constant(Uint32Array.of(40, 48, 60)), anything),
      fc.oneof(fc.uint32Array({ maxLength: 4 }), fc.constant(null), anything),
      fc.oneof(fc.int32Array({ maxLength: 4 }), fc.constant(new Int32Array(3)), anything),
      fc.oneof(fc.float64Array({ maxLength: 4 }), fc.constant(new Float64Array(3)), anything),
    );
    fc.assert(
      fc.property(arrays, fc.nat({ max: 6 }), (values, count) => {
        survives(() => call(sender.send.bind(sender), values));
        survives(() => call(sender.send.bind(sender), values.slice(0, count)));
      }),
      { numRuns: 3000 },
    );
  });

  it('of the constructors, called in any way', () => {
    const options = fc.oneof(
      fc.record(
        {
          device: anything,
          patienceMs: fc.oneof(numbers, anything),
          etherType: numbers,
          filter: filters,
          ringBytes: numbers,
          blockTimeoutMs: numbers,
        },
        { requiredKeys: [] },
      ),
      anything,
    );
    const functions = fc.oneof(
      fc.constant(() => undefined),
      anything,
    );
    fc.assert(
      fc.property(fc.tuple(options, functions, functions), (values) => {
        for (const made of [shim.Sender, shim.Receiver]) {
          survives(() => {
            (Reflect.construct(made, values) as { close(): void }).close();
          });
          survives(() => call(made, values));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('of route, setFilter, nowNs and dropPrivileges', () => {
    fc.assert(
      fc.property(anything, anything, anything, filters, (a, b, c, filter) => {
        survives(() => call(shim.route, [a, b, c]));
        survives(() => call(shim.route, [new Uint8Array(16), b, c]));
        survives(() => call(receiver.setFilter.bind(receiver), [filter, a]));
        survives(() => call(shim.nowNs, [a, b]));
        // With no ids at all it would do what it is for.
        if ((a ?? undefined) !== undefined && typeof a !== 'number')
          expect(() => call(shim.dropPrivileges, [a, b])).toThrow();
      }),
      { numRuns: 1000 },
    );
    for (const [uid, gid] of [
      [1, undefined],
      [undefined, 1],
      [-1, 1],
      [1, 2 ** 32 - 1],
      [1.5, 1],
      [NaN, 1],
    ]) {
      expect(() => {
        shim.dropPrivileges(uid, gid);
      }).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) as string }) as Error);
    }
    receiver.setFilter(ACCEPT_ALL);
  });

  it('of methods called on something else', () => {
    const methods: unknown[] = [];
    for (const { prototype } of [shim.Sender, shim.Receiver]) {
      for (const name of Object.getOwnPropertyNames(prototype)) {
        if (name !== 'constructor') methods.push((prototype as unknown as Readonly<Record<string, unknown>>)[name]);
      }
    }
    expect(methods).toHaveLength(5);
    const others = [
      sender,
      receiver,
      {},
      null,
      Object.create(shim.Sender.prototype),
      Object.create(shim.Receiver.prototype),
      shim.Sender.prototype,
    ];
    for (const method of methods as ((...all: unknown[]) => unknown)[]) {
      for (const other of others) {
        const own = Object.getOwnPropertyNames(Object.getPrototypeOf(other ?? {})).includes(method.name);
        if (own && (other === sender || other === receiver)) continue;
        expect(() => method.call(other, ACCEPT_ALL)).toThrow(TypeError);
      }
    }
  });

  it('and closing in any state', async () => {
    const closed = new shim.Sender();
    closed.close();
    closed.close();
    await expect(
      closed.send(
        new Uint8Array(0),
        new Uint32Array(0),
        new Uint32Array(0),
        null,
        new Int32Array(0),
        new Float64Array(0),
      ),
    ).rejects.toMatchObject({ code: 'EBADF' });
    const deaf = new shim.Receiver(
      { etherType: 3, filter: ACCEPT_ALL, ringBytes: 1 << 16 },
      () => undefined,
      () => undefined,
    );
    deaf.close();
    expect(() => {
      deaf.setFilter(ACCEPT_ALL);
    }).toThrow(expect.objectContaining({ code: 'EBADF' }) as Error);
    expect(deaf.stats()).toMatchObject({ delivered: 0 });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  destinationOptionsLength,
  emitDestinationOptions,
  emitDo16,
  emitDo8,
  emitPadding,
  emitPdmDestinationOptions,
  findOption,
  optionAction,
  optionMayChange,
  OPTION_ACTION,
  parseOptions,
  type OptionToEmit,
} from '../../src/wire/destination-options.js';
import { EmitRangeError } from '../../src/wire/emit-check.js';
import type { PdmOption } from '../../src/wire/pdm.js';
import { hex, prefilled, toHex } from './hex.js';

const pdm: PdmOption = {
  scaleDtlr: 46,
  scaleDtls: 48,
  psnThisPacket: 12,
  psnLastReceived: 25,
  deltaTimeLastReceived: 0xde0b,
  deltaTimeLastSent: 0xa688,
};

function emitted(write: (into: Uint8Array, offset: number) => number): string {
  const into = prefilled(300);
  const length = write(into, 3);
  expect(toHex(into.subarray(0, 3))).toBe('a5a5a5');
  expect(into.subarray(3 + length).every((octet) => octet === 0xa5)).toBe(true);
  return toHex(into.subarray(3, 3 + length));
}

describe('the headers of the arms', () => {
  it('are the octets that the method gives', () => {
    expect(emitted((into, at) => emitPdmDestinationOptions(17, pdm, into, at))).toBe(
      '11010f0a2e30000c0019de0ba6880100',
    );
    expect(emitted((into, at) => emitDo8(58, into, at))).toBe('3a001e0400000000');
    const ten = hex('00112233445566778899');
    expect(emitted((into, at) => emitDo16(6, ten, into, at))).toBe('06011e0a001122334455667788990100');
  });

  it('are refused whole when the buffer or a value does not fit', () => {
    const into = prefilled(15);
    expect(() => emitPdmDestinationOptions(17, pdm, into, 0)).toThrow(EmitRangeError);
    expect(() => emitDo16(17, new Uint8Array(10), into, 0)).toThrow(/16 octets at offset 0/);
    expect(() => emitDo8(17, into, 8)).toThrow(/8 octets at offset 8, the buffer has 15/);
    expect(() => emitDo8(256, into, 0)).toThrow(/next header is 256/);
    expect(() => emitDo16(17, new Uint8Array(9), prefilled(16), 0)).toThrow(/9 octets: give exactly 10/);
    expect(into.every((octet) => octet === 0xa5)).toBe(true);
  });

  it('are what the general emitter makes of the same options', () => {
    const data = hex('2e30000c0019de0ba688');
    const option = { type: 0x0f, data, alignment: { multiple: 2, remainder: 0 } };
    expect(emitted((into, at) => emitDestinationOptions(17, [option], into, at))).toBe(
      '11010f0a2e30000c0019de0ba6880100',
    );
    const experiment = { type: 0x1e, data: new Uint8Array(4) };
    expect(emitted((into, at) => emitDestinationOptions(58, [experiment], into, at))).toBe('3a001e0400000000');
  });
});

describe('padding', () => {
  it('is nothing, Pad1 or one PadN', () => {
    expect([0, 1, 2, 3, 7].map((length) => emitted((into, at) => emitPadding(length, into, at)))).toEqual([
      '',
      '00',
      '0100',
      '010100',
      '01050000000000',
    ]);
  });

  // RFC 8200 appendix A, "X" (type 8n+2, 12 octets of data) and "Y" (4n+3, 7 octets), in its three arrangements.
  const x = { type: 0x21, data: hex('111111112222222222222222'), alignment: { multiple: 8, remainder: 2 } };
  const y = { type: 0x22, data: hex('11222233333333'), alignment: { multiple: 4, remainder: 3 } };
  it.each([
    ['X alone', [x], '3b01210c1111111122222222 22222222'],
    ['Y alone', [y], '3b010022 0711222233333333 01020000'],
    ['X before Y', [x, y], '3b03210c 11111111 22222222 22222222 01010022 07112222 33333333 01020000'],
    ['Y before X', [y, x], '3b030022 07112222 33333333 01040000 0000210c 11111111 22222222 22222222'],
  ] satisfies [string, OptionToEmit[], string][])('aligns options as RFC 8200 asks: %s', (_, options, expected) => {
    const octets = emitted((into, at) => emitDestinationOptions(59, options, into, at));
    expect(octets).toBe(expected.replaceAll(' ', ''));
    expect(octets.length / 2).toBe(destinationOptionsLength(options));
  });

  it('fills an empty header', () => {
    expect(emitted((into, at) => emitDestinationOptions(59, [], into, at))).toBe('3b00010400000000');
  });
});

const alignment = fc
  .constantFrom(1, 2, 4, 8)
  .chain((multiple) => fc.record({ multiple: fc.constant(multiple), remainder: fc.nat(multiple - 1) }));
const option = fc.record(
  { type: fc.integer({ min: 2, max: 255 }), data: fc.uint8Array({ maxLength: 40 }), alignment },
  { requiredKeys: ['type', 'data'] },
);

describe('options', () => {
  it('come back in order, aligned, with nothing but padding between', () => {
    fc.assert(
      fc.property(fc.array(option, { maxLength: 12 }), fc.nat(9), (options, offset) => {
        const length = destinationOptionsLength(options);
        const into = prefilled(offset + length);
        expect(emitDestinationOptions(17, options as OptionToEmit[], into, offset)).toBe(length);
        expect(length % 8).toBe(0);
        const parsed = parseOptions(into, offset);
        if (!parsed.ok) return expect.fail(parsed.reason);
        expect(parsed.value).toMatchObject({ nextHeader: 17, length });
        const kept = parsed.value.options.filter(({ type }) => type > 1);
        expect(
          kept.map(({ type, dataOffset, length: octets }) => ({
            type,
            data: into.slice(dataOffset, dataOffset + octets),
          })),
        ).toEqual(options.map(({ type, data }) => ({ type, data })));
        for (const [index, { offset: at }] of kept.entries()) {
          const { multiple, remainder } = options[index]?.alignment ?? { multiple: 1, remainder: 0 };
          expect((at - offset) % multiple).toBe(remainder);
        }
        // Together they fill the header: every octet belongs to one option.
        let next = offset + 2;
        for (const one of parsed.value.options) {
          expect(one.offset).toBe(next);
          next = one.dataOffset + one.length;
        }
        expect(next).toBe(offset + length);
      }),
    );
  });

  it('are truncated at every length below the header', () => {
    const header = hex('11010f0a2e30000c0019de0ba6880100');
    for (let length = 0; length < 16; length++) {
      expect(parseOptions(header, 0, length)).toMatchObject({ ok: false, reason: 'truncated' });
    }
  });

  it.each([
    ['an option that passes the end of the header', '3b000f0a00000000', 2],
    ['a type without a length', '3b00010300 0000 0f', 7],
    ['a PadN that passes the end', '3b00010500000000', 2],
  ])('are refused where there is %s', (_, octets, offset) => {
    expect(parseOptions(hex(octets))).toEqual({ ok: false, reason: 'bad-option-length', offset });
  });

  it('never throw whatever arrives, and never leave the header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (bytes, offset) => {
        const parsed = parseOptions(bytes, offset);
        if (!parsed.ok) return;
        for (const one of parsed.value.options) {
          expect(one.dataOffset + one.length).toBeLessThanOrEqual(offset + parsed.value.length);
        }
      }),
    );
  });

  it('say by their two highest bits what a host does that does not know them', () => {
    expect([0x0f, 0x1e, 0x45, 0x8b, 0xc2].map(optionAction)).toEqual([
      OPTION_ACTION.skip,
      OPTION_ACTION.skip,
      OPTION_ACTION.discard,
      OPTION_ACTION.discardAndReport,
      OPTION_ACTION.discardAndReportUnicast,
    ]);
    expect([0x0f, 0x1e, 0x3e, 0xfe].map(optionMayChange)).toEqual([false, false, true, true]);
  });

  it.each([
    ['a type above 255', { type: 256, data: new Uint8Array(0) }, /option type is 256/],
    ['more than 255 octets of data', { type: 5, data: new Uint8Array(256) }, /option length is 256/],
    ['Pad1, which has no length', { type: 0, data: new Uint8Array(0) }, /padding/],
    ['an alignment to 3', { type: 5, data: hex('00'), alignment: { multiple: 3, remainder: 0 } }, /to 3: give/],
    ['a remainder that is none', { type: 5, data: hex('00'), alignment: { multiple: 2, remainder: 2 } }, /remainder/],
  ])('cannot be emitted with %s', (_, bad, message) => {
    const into = prefilled(600);
    expect(() => emitDestinationOptions(17, [bad], into, 0)).toThrow(message);
    expect(into.every((octet) => octet === 0xa5)).toBe(true);
  });

  it('cannot be emitted beyond the 2048 octets of a header', () => {
    const options = Array.from({ length: 9 }, () => ({ type: 5, data: new Uint8Array(253) }));
    expect(() => emitDestinationOptions(17, options, prefilled(4000), 0)).toThrow(/2304 octets/);
    expect(emitDestinationOptions(17, options.slice(1), prefilled(4000), 0)).toBe(2048);
  });
});

describe('finding an option', () => {
  it('gives the first type octet that is there, even at the very end', () => {
    const area = hex('00 01 02 0f 0f 1e 01 ff 0f 0a');
    expect(findOption(area, 0, area.length, 0x0f)).toBe(8);
    expect(findOption(area, 0, 9, 0x0f)).toBe(8);
    expect(findOption(area, 0, 8, 0x0f)).toBe(-1);
    expect(findOption(area, 0, area.length, 0x1e)).toBe(5);
    expect(findOption(area, 0, area.length, 0x00)).toBe(0);
    expect(findOption(area, 0, area.length, 0x77)).toBe(-1);
  });

  it('does not look inside other options', () => {
    const area = hex('1e 03 0f 0f 0f');
    expect(findOption(area, 0, area.length, 0x0f)).toBe(-1);
  });
});

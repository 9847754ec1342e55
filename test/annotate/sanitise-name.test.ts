import fc from 'fast-check';
import { isIP } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { sanitiseLabel, sanitiseName } from '../../src/annotate/sanitise-name.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

describe('a name from the DNS', () => {
  it.each([
    ['core1.example.net', 'core1.example.net'],
    ['core1.example.net.', 'core1.example.net'],
    ['a\x1b[31mb', 'a[31mb'],
    ['a\u202eb\u2066c\u200dd', 'abcd'],
    ['a\nb\tc', 'abc'],
    ['a b', 'a\\032b'],
    ['b\u00fccher.example', 'b?cher.example'],
    ['\u0430pple.example', '?pple.example'],
    ['...', null],
    ['', null],
    ['\x00\x07', null],
    ['192.0.2.1', null],
    ['2001:db8::1', null],
    ['\u200b2001:db8::1', null],
  ])('%j is kept as %j', (raw, kept) => {
    expect(sanitiseName(raw)).toBe(kept);
  });

  it('is cut at 253 characters', () => {
    expect(sanitiseName('x'.repeat(100_000))).toBe('x'.repeat(253));
  });

  it('is printable ASCII without spaces, and no address, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (raw) => {
        const name = sanitiseName(raw);
        if (name === null) return;
        expect(name).toMatch(/^[\x21-\x7e]{1,253}$/);
        expect(isIP(name)).toBe(0);
        expect(sanitiseName(name)).toBe(name);
      }),
    );
  });
});

describe('the name of an organisation', () => {
  it.each([
    ['T\u00e9l\u00e9com "Z\u00fcrich"', 'T\u00e9l\u00e9com "Z\u00fcrich"'],
    ['  Example\u202e Corp\x1b[0m ', 'Example Corp[0m'],
    ['\u200b', null],
  ])('%j is kept as %j', (raw, kept) => {
    expect(sanitiseLabel(raw)).toBe(kept);
  });

  it('is cut at 120 characters and never within one', () => {
    expect(sanitiseLabel('x'.repeat(119) + '\u{1f600}'.repeat(10))).toBe('x'.repeat(119));
  });
});

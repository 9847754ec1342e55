import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorText, exitCodeOf } from '../../src/cli/cli-error.js';
import { traceExitCode } from '../../src/cli/exit-codes.js';
import { icmpErrorText } from '../../src/report/words/icmp-words.js';
import { NameBook } from '../../src/measure/name-book.js';
import { atMostText, confidenceText } from '../../src/report/words/record-words.js';
import { wantsColour, wantsUnicode, canRedraw } from '../../src/cli/terminal/style.js';
import { createSystemTime } from '../../src/cli/system-time.js';
import { displayWidth, sanitizeForTerminal, truncate, wrap } from '../../src/text/terminal-text.js';
import { createUuidV7 } from '../../src/runs/uuid-v7.js';
import { OUTCOMES } from '../../src/record/record.js';
import { deliveredRecord } from './record-builder.js';

describe('text for terminals', () => {
  it('shows controls, bidirectional and invisible characters as question marks, and leaves the rest', () => {
    expect(sanitizeForTerminal('a\u001b[31mb\rc\u0007\u009b2J')).toBe('a?[31mb?c??2J');
    expect(sanitizeForTerminal('\u202eevil\u2066\u200b\ufeff\u2028\u{e0041}\ue000\ud800')).toBe('?evil???????');
    expect(sanitizeForTerminal('Müller & 東京 — ok')).toBe('Müller & 東京 — ok');
  });

  it('counts columns as a terminal does', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('東京')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(truncate('東京都', 5, '…')).toBe('東京…');
    expect(truncate('東京都', 4, '…')).toBe('東…');
    expect(truncate('abc', 0, '…')).toBe('');
  });

  it('is never wider than asked, whatever is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, columns) => {
        const clean = sanitizeForTerminal(text);
        expect(displayWidth(truncate(clean, columns, '…'))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it('is broken at spaces with every word kept, and never before a per cent sign', () => {
    expect(wrap('at most 44 % do', 10)).toEqual(['at most', '44 % do']);
    expect(wrap('one two', 80, '    ', '  - ')).toEqual(['  - one two']);
    expect(wrap('one two three', 10, '    ', '  - ')).toEqual(['  - one', '    two', '    three']);
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }), fc.nat(40), (words, columns) => {
        expect(wrap(words.join(' '), columns).join(' ')).toBe(words.join(' '));
      }),
    );
  });
});

describe('numbers in words', () => {
  it('never claim more confidence than there is', () => {
    expect(confidenceText(0.999)).toBe('99.9 %');
    expect(confidenceText(1 - 2 ** -12)).toBe('99.97 %');
    expect(confidenceText(0.5)).toBe('50 %');
    expect(confidenceText(1)).toBe('over 99.9999999 %');
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 1 - 1e-8, noNaN: true }), (confidence) => {
        expect(Number.parseFloat(confidenceText(confidence))).toBeLessThanOrEqual(confidence * 100 + 1e-6);
      }),
    );
  });

  it('round bounds up', () => {
    expect(atMostText(0.4377)).toBe('44 %');
    expect(atMostText(0.4301)).toBe('44 %');
    expect(atMostText(1)).toBe('100 %');
  });

  it('name ICMPv6 errors, also unknown ones', () => {
    expect(icmpErrorText(1, 5, null)).toBe('source address failed a policy (ICMPv6 1/5)');
    expect(icmpErrorText(4, 1, 6)).toBe('unrecognised next header (ICMPv6 4/1, pointer 6)');
    expect(icmpErrorText(1, 99, null)).toBe('destination unreachable (ICMPv6 1/99)');
    expect(icmpErrorText(100, 3, null)).toBe('ICMPv6 100/3');
  });
});

describe('colour', () => {
  it('follows the terminal unless the environment says otherwise', () => {
    expect(wantsColour({ TERM: 'xterm' }, true)).toBe(true);
    expect(wantsColour({ TERM: 'xterm' }, false)).toBe(false);
    expect(wantsColour({ TERM: 'xterm', NO_COLOR: '1' }, true)).toBe(false);
    expect(wantsColour({ TERM: 'xterm', NO_COLOR: '' }, true)).toBe(true);
    expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false);
    expect(wantsColour({ FORCE_COLOR: '1', NO_COLOR: '1' }, false)).toBe(true);
    expect(wantsColour({ FORCE_COLOR: '0', TERM: 'xterm' }, true)).toBe(false);
  });

  it('needs a terminal that can move the cursor for redrawing, and UTF-8 for other characters', () => {
    expect(canRedraw({ TERM: 'xterm', NO_COLOR: '1' }, true)).toBe(true);
    expect(canRedraw({ TERM: 'dumb' }, true)).toBe(false);
    expect(canRedraw({}, true)).toBe(false);
    expect(canRedraw({ TERM: 'xterm', FORCE_COLOR: '1' }, false)).toBe(false);
    expect(wantsUnicode({ LANG: 'de_DE.UTF-8' })).toBe(true);
    expect(wantsUnicode({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' })).toBe(false);
    expect(wantsUnicode({})).toBe(false);
  });
});

describe('exit codes', () => {
  it('are 69 where the first outcome in order was only reached for want of a network', () => {
    expect(traceExitCode([{ outcome: 'not-measured', networkFailed: true }])).toBe(69);
    expect(
      traceExitCode([
        { outcome: 'not-measured', networkFailed: true },
        { outcome: 'inconclusive', networkFailed: false },
      ]),
    ).toBe(21);
    expect(
      traceExitCode([
        { outcome: 'delivered', networkFailed: false },
        { outcome: 'not-measured', networkFailed: true },
      ]),
    ).toBe(69);
  });

  it('are never 0 unless everything was delivered', () => {
    for (const outcome of OUTCOMES.filter((one) => one !== 'delivered')) {
      const ends = [
        { outcome: 'delivered' as const, networkFailed: false },
        { outcome, networkFailed: false },
      ];
      expect(traceExitCode(ends)).toBeGreaterThan(0);
    }
  });

  it("of errors are their own, or follow from the system's code, or say that it is our defect", () => {
    expect(exitCodeOf(Object.assign(new Error('x'), { exitCode: 66, code: 'EPERM' }))).toBe(66);
    expect(exitCodeOf(Object.assign(new Error('x'), { code: 'EPERM' }))).toBe(77);
    expect(exitCodeOf(Object.assign(new Error('x'), { code: 'ENETUNREACH' }))).toBe(69);
    expect(exitCodeOf(new TypeError('x'))).toBe(70);
    expect(exitCodeOf('x')).toBe(70);
  });

  it('come with causes when debugging', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(errorText(error, false)).not.toContain('inner');
    expect(errorText(error, true)).toContain('caused by Error: inner');
    const hostile = new Error('\u001b]0;owned\u0007 in a file');
    expect(errorText(hostile, false)).toContain('?]0;owned? in a file');
    for (const control of ['\u0007', '\u001b']) expect(errorText(hostile, true)).not.toContain(control);
  });
});

describe('ids', () => {
  const zeros = (length: number): Uint8Array => new Uint8Array(length);

  it('are version 7 UUIDs with the time in front', () => {
    const id = createUuidV7(
      () => 0x0123456789ab,
      (length) => new Uint8Array(length).fill(0xff),
    )();
    expect(id).toBe('01234567-89ab-77ff-bfff-ffffffffffff');
  });

  it('rise, within a millisecond, beyond its counter, and when the clock steps back', () => {
    let nowMs = 1000;
    const next = createUuidV7(() => nowMs, zeros);
    const ids: string[] = [];
    for (let i = 0; i < 10_000; i += 1) {
      if (i === 5000) nowMs = 10;
      ids.push(next());
    }
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('system time', () => {
  it('calls back in order, not before it is due, and not at all once cancelled', async () => {
    const time = createSystemTime();
    const called: { wanted: number; at: number }[] = [];
    const start = time.nowNs();
    await new Promise<void>((resolve) => {
      for (const delayNs of [3e6, 0, 1.2e6, -5, 0.3e6]) {
        time.at(start + delayNs, () => called.push({ wanted: start + delayNs, at: time.nowNs() }));
      }
      const cancel = time.at(start + 1e6, () => called.push({ wanted: Infinity, at: 0 }));
      cancel();
      time.at(start + 9e6, resolve);
    });
    expect(called).toHaveLength(5);
    for (const { wanted, at } of called) expect(at).toBeGreaterThanOrEqual(wanted);
  });

  it('calls back late after what came in meanwhile has been read: no answer that is there is given up', async () => {
    const socket = createSocket('udp6');
    try {
      await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
      const time = createSystemTime();
      const order: string[] = [];
      socket.on('message', () => order.push('answer'));
      const { port } = socket.address();
      await new Promise<void>((resolve) => {
        setImmediate(() => {
          time.at(time.nowNs() + 1e6, () => {
            order.push('given up');
            resolve();
          });
          // This process stands still meanwhile: the answer waits, and the timer is long due.
          const answer = `require('dgram').createSocket('udp6').send('x', ${port}, '::1', () => setTimeout(process.exit, 200))`;
          execFileSync(process.execPath, ['-e', answer]);
        });
      });
      expect(order).toEqual(['answer', 'given up']);
    } finally {
      socket.close();
    }
  });

  it('is monotonic and begins near zero', () => {
    const time = createSystemTime();
    let last = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const now = time.nowNs();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });
});

describe('the name book', () => {
  it('fills names and ASes into records that have none, and replaces nothing', () => {
    const book = new NameBook();
    const annotated = deliveredRecord();
    book.learn(annotated);
    const bare = deliveredRecord();
    for (const hop of bare.hops) {
      for (const arm of Object.values(hop.arms))
        for (const responder of arm.responders) Object.assign(responder, { name: null, asn: null, asName: null });
    }
    bare.source.name = 'other.example';
    book.apply(bare);
    expect(bare.hops).toEqual(annotated.hops);
    expect(bare.source.name).toBe('other.example');
  });
});

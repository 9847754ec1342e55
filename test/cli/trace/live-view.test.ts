import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../../src/cli/command-line.js';
import { createLiveDisplay } from '../../../src/cli/terminal/live-display.js';
import { liveFrame } from '../../../src/cli/trace/live-frame.js';
import { type LiveTrace } from '../../../src/measure/trace-jobs.js';
import { createStyle } from '../../../src/cli/terminal/style.js';
import { displayWidth } from '../../../src/text/terminal-text.js';
import { fakeMeasuring } from '../fake-measuring.js';
import { fakeTerminal, FakeStream, type FakeTerminal } from '../fake-terminal.js';
import { buildRecord, deliveredRecord, hop, targetPairs } from '../record-builder.js';
import { TerminalScreen } from '../terminal-screen.js';

const PLAIN = createStyle(false, true);

function running(hops: number, input = 'www.example.com'): LiveTrace {
  const record = buildRecord({
    input,
    hops: Array.from({ length: hops }, (_, i) => hop(i + 1, 'both')),
    targetPairs: targetPairs(3, 3, 4),
  });
  return { input, state: 'running', record: () => record };
}

function frame(traces: readonly LiveTrace[], columns: number, rows: number): string[] {
  return liveFrame(traces, { columns, rows, style: PLAIN, status: '3 s, 0 of 2 done' });
}

describe('the live frame', () => {
  it('shows whole tables where they fit', () => {
    const lines = frame([running(2), running(1)], 80, 24);
    expect(lines).toEqual([
      'www.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434',
      'hop  plain           AS      loss rtt ms | PDM             AS      loss rtt ms',
      '  1  r1.example.net  AS64500   0%    1.5 | r1.example.net  AS64500   0%    1.5',
      '  2  r2.example.net  AS64500   0%    3.0 | r2.example.net  AS64500   0%    3.0',
      'dst  www.example.com AS64501  25%   12.3 | www.example.com AS64501  25%   12.5',
      '',
      'www.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434',
      'hop  plain           AS      loss rtt ms | PDM             AS      loss rtt ms',
      '  1  r1.example.net  AS64500   0%    1.5 | r1.example.net  AS64500   0%    1.5',
      'dst  www.example.com AS64501  25%   12.3 | www.example.com AS64501  25%   12.5',
      '',
      '3 s, 0 of 2 done',
    ]);
  });

  it('says below the hops which claims are open and what each lacks, while the trace runs', () => {
    const record = running(2).record()!;
    record.verdict.reasons = [
      'dropped: 7 of 11 pairs, 2 of 5 placebos',
      'impaired: 7 of 11 pairs, 2 of 5 placebos',
      'stripped: exploring',
      'altered: exploring',
      'A sentence: is no claim.',
    ];
    const trace: LiveTrace = { input: 'x', state: 'running', record: () => record };
    expect(frame([trace], 80, 24).slice(-5)).toEqual([
      '     dropped: 7 of 11 pairs, 2 of 5 placebos',
      '     impaired: 7 of 11 pairs, 2 of 5 placebos',
      '     stripped: exploring',
      '',
      '3 s, 0 of 2 done',
    ]);
    expect(frame([trace], 24, 24)).toContain('     dropped: 7 of 11 p…');
    const lists = Array.from({ length: 12 }, () => trace);
    expect(frame(lists, 120, 20)[0]).toBe(
      'x udp: PDM up to hop -, plain up to hop -; dropped: 7 of 11 pairs, 2 of 5 placebos',
    );
    // Hops come first where there is little room.
    expect(frame([trace, trace], 80, 15).join('\n')).not.toContain('dropped:');
    expect(frame([{ ...trace, state: 'done' }], 80, 24).join('\n')).not.toContain('dropped:');
    const dim = createStyle(true, true);
    const coloured = liveFrame([trace], { columns: 80, rows: 24, style: dim, status: '' });
    expect(coloured).toContain(dim.dim('     dropped: 7 of 11 pairs, 2 of 5 placebos'));
    expect(frame([trace], 80, 24).join('')).not.toContain('\u001b');
  });

  it('shows the newest hops of each trace where they do not', () => {
    const lines = frame([running(30), running(30)], 80, 20);
    expect(lines.length).toBeLessThanOrEqual(19);
    expect(lines.filter((line) => line.includes('more above'))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith(' 30  '))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith('dst'))).toHaveLength(2);
    expect(lines.at(-1)).toBe('3 s, 0 of 2 done');
  });

  it('shows a line for each trace, and a count of the rest, where even that is too much', () => {
    const traces = Array.from({ length: 12 }, (_, i) => running(5, `h${i}.example`));
    expect(frame(traces, 80, 20)).toHaveLength(13);
    const few = frame(traces, 80, 8);
    expect(few).toEqual([
      'h0.example udp: PDM up to hop -, plain up to hop -',
      'h1.example udp: PDM up to hop -, plain up to hop -',
      'h2.example udp: PDM up to hop -, plain up to hop -',
      'h3.example udp: PDM up to hop -, plain up to hop -',
      'h4.example udp: PDM up to hop -, plain up to hop -',
      'and 7 more',
      '3 s, 0 of 2 done',
    ]);
  });

  it('is never wider or higher than the terminal', () => {
    const names = ['a'.repeat(200), '漢字'.repeat(40)];
    for (let columns = 8; columns <= 200; columns += 7) {
      for (const rows of [1, 2, 3, 5, 8, 24, 60]) {
        for (const count of [1, 2, 5]) {
          const traces = Array.from({ length: count }, (_, i) => running(9, names[i % 2] ?? ''));
          for (const trace of traces) {
            trace.record()!.verdict.reasons = [`dropped: ${names[0] ?? ''}`, 'impaired: 3 of 11 pairs'];
            for (const place of trace.record()!.hops) place.arms.plain.responders[0]!.name = names[0]!;
            for (const place of trace.record()!.hops) place.arms.pdm.responders[0]!.name = names[1]!;
          }
          const lines = frame(traces, columns, rows);
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
          expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  it('says when a name is still looked up and how a finished trace ended', () => {
    const done: LiveTrace = { input: 'x', state: 'done', record: deliveredRecord };
    const waiting: LiveTrace = { input: 'slow.example', state: 'resolving', record: () => null };
    expect(frame([waiting, done, running(1)], 80, 7)).toEqual([
      'slow.example: looking up its address',
      'x udp: delivered',
      'www.example.com udp: PDM up to hop -, plain up to hop -',
      '3 s, 0 of 2 done',
    ]);
  });
});

describe('the live display', () => {
  it('redraws in place, keeps what is printed above, and leaves the terminal as it found it', () => {
    const stream = new FakeStream({ columns: 20 });
    const display = createLiveDisplay(stream, () => stream.columns);
    const screen = new TerminalScreen(20, 10);
    display.print('kept\n');
    display.draw(['one', 'two', 'three']);
    display.draw(['uno', 'due']);
    display.print('kept too\n');
    display.draw(['last']);
    screen.write(stream.text);
    expect(screen.text).toBe('kept\nkept too\nlast');
    expect(screen.cursorVisible).toBe(false);
    display.close();
    display.close();
    const after = new TerminalScreen(20, 10);
    after.write(stream.text);
    expect(after.text).toBe('kept\nkept too');
    expect(after.cursorVisible).toBe(true);
  });

  it('takes back lines that a narrower terminal has folded', () => {
    const stream = new FakeStream({ columns: 20 });
    const display = createLiveDisplay(stream, () => stream.columns);
    display.draw(['x'.repeat(18), 'y'.repeat(18)]);
    stream.resize(10, 10);
    display.draw(['x']);
    // Two lines of 18 columns are four of 10.
    expect(stream.writes.at(-1)).toContain('\u001b[4A');
  });
});

describe('trace on a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function started(fake: ReturnType<typeof fakeMeasuring>): Promise<void> {
    while (fake.traces.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  function run(
    argv: readonly string[],
    terminal: FakeTerminal,
    fake: ReturnType<typeof fakeMeasuring>,
  ): Promise<number> {
    return runCommandLine(argv, terminal, {
      openMeasuring: () => Promise.resolve(fake.open),
      storePorts: () => Promise.reject(new Error('not wanted here')),
      daemonProcess: () => Promise.reject(new Error('no daemon here')),
      doctorPorts: () => Promise.reject(new Error('not wanted here')),
      toolVersion: '0.1.0',
    });
  }

  it('grows the table hop by hop in place and ends with the verdict, printed once', async () => {
    const terminal = fakeTerminal({ isTTY: true, columns: 80, rows: 24 }, {}, { TERM: 'xterm', NO_COLOR: '1' });
    const fake = fakeMeasuring();
    const ended = run(['--protocol', 'udp', '--seed', '1', 'www.example.com'], terminal, fake);
    await started(fake);
    const seen: string[] = [];
    const look = async (): Promise<void> => {
      fake.progress();
      await vi.advanceTimersByTimeAsync(100);
      const screen = new TerminalScreen(80, 24);
      screen.write(terminal.stdout.text);
      seen.push(screen.text);
    };
    for (const hops of [1, 2, 3]) {
      fake.traces[0]!.snapshot = buildRecord({
        hops: Array.from({ length: hops }, (_, i) => hop(i + 1, i < 2 ? 'both' : 'none')),
        targetPairs: targetPairs(hops, hops, hops),
        verdict: { outcome: 'inconclusive', reasons: hops < 3 ? [] : ['delivered: 3 of 3 pairs whole'] },
      });
      await look();
    }
    fake.traces[0]!.end(deliveredRecord());
    expect(await ended).toBe(0);
    const intro = 'pdm-trace 0.1.0, transport simulated (as the test wants it), seed 1';
    const title = 'www.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434';
    const header = 'hop  plain           AS      loss rtt ms | PDM             AS      loss rtt ms';
    const one = '  1  r1.example.net  AS64500   0%    1.5 | r1.example.net  AS64500   0%    1.5';
    const two = '  2  r2.example.net  AS64500   0%    3.0 | r2.example.net  AS64500   0%    3.0';
    const target = 'dst  www.example.com AS64501   0%   12.3 | www.example.com AS64501   0%   12.5';
    const status = '0 s, 0 of 1 done, 42 probes sent, 40 answers';
    expect(seen[0]).toBe([intro, '', title, header, one, target, '', status].join('\n'));
    expect(seen[1]).toBe([intro, '', title, header, one, two, target, '', status].join('\n'));
    const three = '  3  .                                   | .';
    expect(seen[2]).toBe(
      [intro, '', title, header, one, two, three, target, '     delivered: 3 of 3 pairs whole', '', status].join('\n'),
    );

    const screen = new TerminalScreen(80, 24);
    screen.write(terminal.stdout.text);
    expect(screen.cursorVisible).toBe(true);
    expect(screen.text.split(title)).toHaveLength(2);
    expect(screen.text).toContain('PDM arrives: the target answers packets with the option as well as plain ones');
    expect(screen.text).not.toContain('probes sent');
    expect(screen.text).not.toContain('pairs whole');
    expect(screen.text.startsWith(`${intro}\n\n${title}\n`)).toBe(true);
  });

  it('writes neither colours nor cursor movements to a terminal that is dumb', async () => {
    const terminal = fakeTerminal({ isTTY: true }, {}, { TERM: 'dumb' });
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    await run(['www.example.com'], terminal, fake);
    expect(terminal.stdout.text).not.toContain('\u001b');
  });

  it('colours into a pipe when FORCE_COLOR asks for it, still without moving the cursor', async () => {
    const terminal = fakeTerminal({}, {}, { FORCE_COLOR: '1' });
    const fake = fakeMeasuring({ answer: () => deliveredRecord() });
    await run(['www.example.com'], terminal, fake);
    expect(terminal.stdout.text).toContain('\u001b[32mPDM arrives');
    // eslint-disable-next-line no-control-regex -- what moves the cursor
    expect(terminal.stdout.text).not.toMatch(/\u001b\[(\d+A|\?|0[JK])/);
  });

  it('gives the cursor back and prints what was measured when interrupted', async () => {
    const terminal = fakeTerminal({ isTTY: true, columns: 80, rows: 24 }, { isTTY: true }, { TERM: 'xterm' });
    const fake = fakeMeasuring();
    const ended = run(['--protocol', 'udp', 'www.example.com'], terminal, fake);
    await started(fake);
    fake.progress();
    await vi.advanceTimersByTimeAsync(100);
    terminal.interrupt();
    expect(await ended).toBe(21);
    const screen = new TerminalScreen(80, 24);
    screen.write(terminal.stdout.text);
    expect(screen.cursorVisible).toBe(true);
    expect(screen.text).toContain('No verdict: Interrupted.');
  });

  it('gives the cursor back before a second Ctrl-C ends the process', async () => {
    const terminal = fakeTerminal({ isTTY: true }, {}, { TERM: 'xterm' });
    const fake = fakeMeasuring();
    const ended = run(['www.example.com'], terminal, fake);
    await started(fake);
    fake.progress();
    await vi.advanceTimersByTimeAsync(100);
    terminal.interrupt();
    terminal.interrupt();
    expect(terminal.exits).toEqual([130]);
    expect(terminal.stdout.text).toContain('\u001b[?25h');
    await ended;
  });

  it('says on stderr every ten seconds how far it is when nobody watches a table', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const ended = run(['www.example.com'], terminal, fake);
    await started(fake);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(terminal.stderr.text).toBe(
      'pdm-trace: 10 s, 0 of 2 done, 42 probes sent, 40 answers\npdm-trace: 20 s, 0 of 2 done, 42 probes sent, 40 answers\n',
    );
    for (const trace of fake.traces) trace.end(deliveredRecord());
    await ended;
  });

  it('says nothing of progress when --json goes to a program', async () => {
    const terminal = fakeTerminal();
    const fake = fakeMeasuring();
    const ended = run(['--json', 'www.example.com'], terminal, fake);
    await started(fake);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(terminal.stderr.text).toBe('');
    for (const trace of fake.traces) trace.end(deliveredRecord());
    await ended;
  });
});

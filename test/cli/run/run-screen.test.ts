import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { progressFrame, progressText, remainingMs, type RunProgress } from '../../../src/cli/run/run-progress.js';
import { durationText } from '../../../src/text/counted.js';
import { RunScreen } from '../../../src/cli/run/run-screen.js';
import { createStyle } from '../../../src/cli/terminal/style.js';
import { displayWidth } from '../../../src/text/terminal-text.js';
import { loadSettings } from '../../../src/config/load-settings.js';
import type { MeasurerStats } from '../../../src/measure/target-measurer.js';
import { fakeTerminal, type FakeTerminal } from '../fake-terminal.js';

const PROGRESS: RunProgress = {
  total: 12_345,
  done: 3_000,
  doneBefore: 1_000,
  elapsedMs: 60_000,
  tracesInFlight: 250,
  packetsPerSecond: 1999.6,
  unstored: 3,
  outcomes: new Map([
    ['delivered', 1500],
    ['dropped', 2000],
  ]),
  networks: null,
};
// eslint-disable-next-line no-control-regex -- colours are what is looked for
const COLOUR = /\u001b\[[0-9;]*m/g;
const plain = createStyle(false, true);

describe('the progress of a list', () => {
  it('has targets, traces in flight, rate and what is left of the time in one line', () => {
    expect(progressText(PROGRESS)).toBe(
      '3,000 of 12,345 targets (24 %), 250 traces in flight, 2,000 packets/s, ETA 5 min',
    );
  });

  it('reckons with what this process did, not with what was done before it', () => {
    expect(remainingMs(PROGRESS)).toBe((60_000 / 2_000) * 9_345);
    expect(remainingMs({ ...PROGRESS, done: 1_000 })).toBeNull();
  });

  it.each([40, 60, 80, 120])('fits %i columns, the most important first', (columns) => {
    const frame = progressFrame(PROGRESS, columns, plain);
    for (const line of frame) expect(displayWidth(line)).toBeLessThan(columns);
    expect(frame[0]).toContain('24 %, 3,000 of 12,345, ETA 5 min');
    if (columns >= 80) expect(frame[0]).toMatch(/^\[#+-+\] .*2,000 packets\/s/);
    expect(frame[1]).toMatch(/^2,000 dropped, 1,500 deliver/);
  });

  it('says when many records wait for the disk', () => {
    expect(progressFrame({ ...PROGRESS, unstored: 900 }, 80, plain)[1]).toMatch(
      /^900 records wait for the disk; 2,000/,
    );
  });

  it.each([
    [900, '1 s'],
    [59_000, '59 s'],
    [61_000, '1 min'],
    [3_600_000 * 3 + 60_000, '3 h 1 min'],
    [86_400_000 * 3, '3 d 0 h'],
  ])('writes %i ms as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});

describe('the screen of a run', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  let sent = 0;
  const stats = (): MeasurerStats => ({
    tracesInFlight: 7,
    probesSent: sent,
    repliesMatched: 0,
    foreign: 0,
    malformed: 0,
    sendErrors: 0,
    kernelDrops: null,
  });

  function screenOn(terminal: FakeTerminal): RunScreen {
    sent = 0;
    const { settings } = loadSettings({ command: 'run', env: {}, flags: {} });
    return new RunScreen({ terminal, settings, measurer: { stats }, total: 100, doneBefore: 40 });
  }

  it('is a line every 10 s where stderr is no terminal', () => {
    const terminal = fakeTerminal({}, { isTTY: false });
    const screen = screenOn(terminal);
    for (let second = 1; second <= 35; second += 1) {
      sent += 50;
      screen.targetDone();
      screen.count('delivered');
      vi.advanceTimersByTime(1000);
    }
    screen.close();
    vi.advanceTimersByTime(60_000);
    const lines = terminal.stderr.text.split('\n').slice(0, -1);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe(
      'pdm-trace: 60 of 100 targets (60 %), 7 traces in flight, 50 packets/s, ETA 40 s; 20 delivered',
    );
    expect(terminal.stdout.text).toBe('');
  });

  it('is a bar that is redrawn on a terminal, and gives the cursor back', () => {
    const terminal = fakeTerminal({}, { isTTY: true }, { TERM: 'xterm' });
    const screen = screenOn(terminal);
    for (let tick = 0; tick < 8; tick += 1) {
      sent += 25;
      vi.advanceTimersByTime(250);
    }
    screen.count('dropped', 3);
    screen.targetDone();
    vi.advanceTimersByTime(250);
    const last = terminal.stderr.writes.at(-1) ?? '';
    expect(last.replace(COLOUR, '')).toMatch(/\[#+-+\] 41 %, 41 of 100, ETA .*\n?3 dropped/s);
    expect(last).toMatch(COLOUR);
    screen.close();
    expect(terminal.stderr.text.endsWith('\u001b[?25h')).toBe(true);
  });

  it('gives the cursor back on Ctrl-Z, and draws anew once the process goes on', () => {
    const terminal = fakeTerminal({}, { isTTY: true }, { TERM: 'xterm' });
    const screen = screenOn(terminal);
    vi.advanceTimersByTime(1000);
    terminal.stop();
    expect(terminal.stderr.text.endsWith('\u001b[?25h')).toBe(true);
    vi.advanceTimersByTime(250);
    expect(terminal.stderr.writes.at(-1)?.startsWith('\u001b[?25l')).toBe(true);
    screen.close();
    // From then on it is no business of the screen's.
    const { text } = terminal.stderr;
    terminal.stop();
    expect(terminal.stderr.text).toBe(text);
  });

  it('has no colour with NO_COLOR, and does not move the cursor of a dumb terminal', () => {
    const uncoloured = fakeTerminal({}, { isTTY: true }, { TERM: 'xterm', NO_COLOR: '1' });
    const first = screenOn(uncoloured);
    vi.advanceTimersByTime(1000);
    first.close();
    expect(uncoloured.stderr.text).toContain('40 of 100');
    expect(uncoloured.stderr.text).not.toMatch(COLOUR);
    const dumb = fakeTerminal({}, { isTTY: true }, { TERM: 'dumb' });
    const second = screenOn(dumb);
    vi.advanceTimersByTime(20_000);
    second.close();
    expect(dumb.stderr.text).not.toContain('\u001b');
    expect(dumb.stderr.text.split('\n')).toHaveLength(3);
  });
});

import type { Settings } from '../../config/settings.js';
import type { TargetMeasurer } from '../../measure/target-measurer.js';
import type { Outcome, TraceRecord } from '../../record/record.js';
import { createLiveDisplay, type LiveDisplay } from '../terminal/live-display.js';
import { NetworksFound } from './networks-found.js';
import { outcomesText, progressFrame, progressText, type RunProgress } from './run-progress.js';
import { canRedraw, createStyle, wantsColour, wantsUnicode, type Style } from '../terminal/style.js';
import { columnsOf, type Terminal } from '../terminal/terminal.js';

const REDRAW_MS = 250;
const LINE_MS = 10_000;
/** The rate shown is that of the last few seconds. */
const RATE_SAMPLES = 12;

/** What a run's progress is read from. `total`, and `doneBefore` by earlier processes, are targets. */
export interface RunScreenOptions {
  readonly terminal: Terminal;
  readonly settings: Settings;
  readonly measurer: Pick<TargetMeasurer, 'stats'>;
  readonly total: number;
  readonly doneBefore: number;
}

/** Progress on stderr: a bar that is redrawn on a terminal, a line every 10 s elsewhere. stdout is for results. */
export class RunScreen {
  readonly outcomes = new Map<Outcome, number>();
  readonly #options: RunScreenOptions;
  readonly #display: LiveDisplay | null;
  readonly #style: Style;
  readonly #timer: NodeJS.Timeout;
  readonly #stopListening: () => void;
  readonly #startedAtMs = performance.now();
  readonly #samples: { readonly atMs: number; readonly sent: number }[] = [];
  readonly #networks = new NetworksFound();
  #done: number;
  #unstored: () => number = () => 0;

  constructor(options: RunScreenOptions) {
    const { stderr, environment } = options.terminal;
    const isTerminal = stderr.isTTY === true;
    this.#options = options;
    this.#done = options.doneBefore;
    this.#style = createStyle(wantsColour(environment, isTerminal), wantsUnicode(environment));
    const live = canRedraw(environment, isTerminal) && !options.settings.debug;
    this.#display = live ? createLiveDisplay(stderr, () => this.#columns()) : null;
    // The next drawing, once it goes on, begins anew.
    this.#stopListening =
      this.#display === null
        ? () => undefined
        : options.terminal.beforeStop(() => {
            this.#display?.close();
          });
    this.#timer = setInterval(
      () => {
        this.#show();
      },
      live ? REDRAW_MS : LINE_MS,
    );
  }

  /** Records that are not on disk yet. */
  watch(unstored: () => number): void {
    this.#unstored = unstored;
  }

  /** A record that is on disk. */
  take(record: TraceRecord): void {
    this.count(record.verdict.outcome);
    this.remember(record);
  }

  /** One that is counted already. */
  remember(record: TraceRecord): void {
    this.#networks.add(record);
  }

  /** Records of which nothing else is known. */
  count(outcome: Outcome, records = 1): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + records);
  }

  targetDone(): void {
    this.#done += 1;
  }

  /** Makes room for a line that stays. */
  clear(): void {
    this.#display?.print('');
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening();
    this.#display?.close();
  }

  #show(): void {
    const progress = this.#progress();
    if (this.#display === null) {
      const found = [progressText(progress), outcomesText(this.outcomes), progress.networks ?? ''].filter(Boolean);
      this.#options.terminal.stderr.write(`pdm-trace: ${found.join('; ')}\n`);
    } else {
      this.#display.draw(progressFrame(progress, this.#columns(), this.#style));
    }
  }

  #progress(): RunProgress {
    const stats = this.#options.measurer.stats();
    const atMs = performance.now();
    this.#samples.push({ atMs, sent: stats?.probesSent ?? 0 });
    if (this.#samples.length > RATE_SAMPLES) this.#samples.shift();
    const first = this.#samples.length > 1 ? this.#samples[0] : { atMs: this.#startedAtMs, sent: 0 };
    const sent = (stats?.probesSent ?? 0) - (first?.sent ?? 0);
    const seconds = (atMs - (first?.atMs ?? this.#startedAtMs)) / 1000;
    return {
      total: this.#options.total,
      done: this.#done,
      doneBefore: this.#options.doneBefore,
      elapsedMs: atMs - this.#startedAtMs,
      tracesInFlight: stats?.tracesInFlight ?? 0,
      packetsPerSecond: seconds <= 0 ? 0 : sent / seconds,
      unstored: this.#unstored(),
      outcomes: this.outcomes,
      networks: this.#networks.text(),
    };
  }

  #columns(): number {
    return columnsOf(this.#options.terminal.stderr);
  }
}

import { counted, durationText, figures } from '../../text/counted.js';
import { OUTCOMES, type Outcome } from '../../record/record.js';
import type { Style } from '../terminal/style.js';
import { truncate } from '../../text/terminal-text.js';

/** How far a list is. */
export interface RunProgress {
  readonly total: number;
  readonly done: number;
  /** Done before this process began. */
  readonly doneBefore: number;
  readonly elapsedMs: number;
  readonly tracesInFlight: number;
  /** Over the last seconds. */
  readonly packetsPerSecond: number;
  /** Records that are not on disk yet. */
  readonly unstored: number;
  readonly outcomes: ReadonlyMap<Outcome, number>;
  /** By network, in words; null where nobody is accused. */
  readonly networks: string | null;
}

const BAR = 24;
/** Columns that percentage, ETA and rate take. */
const LEAST_TEXT = 62;
const HELD_WORTH_SAYING = 500;

/** One line: for logs. */
export function progressText(progress: RunProgress): string {
  const { total, done, tracesInFlight, packetsPerSecond } = progress;
  const etaMs = remainingMs(progress);
  const parts = [
    `${figures(done)} of ${figures(total)} targets (${percent(done, total)})`,
    `${counted(tracesInFlight, 'trace')} in flight`,
    `${figures(packetsPerSecond)} packets/s`,
    etaMs === null ? 'ETA not known yet' : `ETA ${durationText(etaMs)}`,
  ];
  return parts.join(', ');
}

/** `1,204 delivered, 3 dropped`, the most frequent first. */
export function outcomesText(outcomes: ReadonlyMap<Outcome, number>): string {
  const known = OUTCOMES.filter((outcome) => (outcomes.get(outcome) ?? 0) > 0);
  if (known.length === 0) return 'no records yet';
  return [...known]
    .sort((a, b) => (outcomes.get(b) ?? 0) - (outcomes.get(a) ?? 0))
    .map((outcome) => `${figures(outcomes.get(outcome) ?? 0)} ${outcome}`)
    .join(', ');
}

/** At the end of a run, with the records of traces that were broken off, which are stored too. */
export function endText(outcomes: ReadonlyMap<Outcome, number>, brokenOff: number): string {
  if (brokenOff === 0) return outcomesText(outcomes);
  const rest = `${figures(brokenOff)} interrupted (inconclusive until --resume measures them again)`;
  return outcomes.size === 0 ? rest : `${outcomesText(outcomes)}, ${rest}`;
}

/** For a terminal: how far, how fast, how long; then the outcomes, then networks. What matters least is cut first. */
export function progressFrame(progress: RunProgress, columns: number, style: Style): string[] {
  const { total, done, unstored, tracesInFlight, packetsPerSecond } = progress;
  const width = Math.max(0, Math.min(BAR, columns - LEAST_TEXT));
  const filled = total === 0 ? width : Math.floor((width * done) / total);
  const bar = width < 4 ? '' : `[${style.bold('#'.repeat(filled))}${style.dim('-'.repeat(width - filled))}] `;
  const etaMs = remainingMs(progress);
  const parts = [
    `${percent(done, total)}, ${figures(done)} of ${figures(total)}`,
    etaMs === null ? 'ETA unknown' : `ETA ${durationText(etaMs)}`,
    `${figures(packetsPerSecond)} packets/s`,
    `${figures(tracesInFlight)} in flight`,
  ];
  const text = truncate(parts.join(', '), columns - 1 - (bar === '' ? 0 : width + 3), style.ellipsis);
  const held = unstored > HELD_WORTH_SAYING ? `${figures(unstored)} records wait for the disk; ` : '';
  const found = [
    `${held}${outcomesText(progress.outcomes)}`,
    ...(progress.networks === null ? [] : [progress.networks]),
  ];
  return [`${bar}${text}`, ...found.map((line) => truncate(line, columns - 1, style.ellipsis))];
}

/** From the mean of this process; null while nothing is done. */
export function remainingMs({ total, done, doneBefore, elapsedMs }: RunProgress): number | null {
  const now = done - doneBefore;
  return now <= 0 ? null : (elapsedMs / now) * (total - done);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '100 %' : `${Math.floor((100 * part) / whole)} %`;
}

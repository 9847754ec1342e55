import type { OutputStream } from './terminal.js';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[0J';
const CLEAR_TO_LINE_END = '\u001b[0K';
// eslint-disable-next-line no-control-regex -- our own colour sequences are what is taken out
const COLOUR = /\u001b\[[0-9;]*m/g;

/**
 * A region at the bottom of the terminal that is redrawn in place. What it holds was cut to the terminal's size by its
 * maker; the lines printed through `print` stay, above it.
 */
export interface LiveDisplay {
  draw(lines: readonly string[]): void;
  /** Takes the region away, writes `text` for good; the next `draw` follows below it. */
  print(text: string): void;
  /** Takes the region away and gives the cursor back. Idempotent. */
  close(): void;
}

/** `columns` is asked at each drawing, for the terminal may change its size. Writes control sequences: see `canRedraw`. */
export function createLiveDisplay(stream: OutputStream, columns: () => number): LiveDisplay {
  let drawn: readonly string[] = [];
  let hidden = false;

  /** Rows that the region takes now. A terminal made narrower since has folded its lines. */
  const height = (): number => {
    const width = Math.max(1, columns());
    return drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleLength(line) / width)), 0);
  };
  const up = (rows: number): string => (rows === 0 ? '' : `\u001b[${rows}A\r`);
  /** Line by line: some terminals keep a copy in the scrollback of a screen that is cleared at once. */
  const erase = (): string => {
    const rows = height();
    drawn = [];
    return `${up(rows)}${`${CLEAR_TO_LINE_END}\n`.repeat(rows)}${up(rows)}`;
  };

  return {
    draw: (lines) => {
      const start = hidden ? '' : HIDE_CURSOR;
      hidden = true;
      const body = lines.map((line) => `${line}${CLEAR_TO_LINE_END}\n`).join('');
      stream.write(`${start}${up(height())}${body}${CLEAR_BELOW}`);
      drawn = lines;
    },
    print: (text) => {
      stream.write(`${erase()}${text}`);
    },
    close: () => {
      if (!hidden) return;
      stream.write(`${erase()}${SHOW_CURSOR}`);
      hidden = false;
    },
  };
}

function visibleLength(line: string): number {
  return line.replace(COLOUR, '').length;
}

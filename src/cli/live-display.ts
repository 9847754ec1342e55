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

export function createLiveDisplay(stream: OutputStream, columns: () => number): LiveDisplay {
  let drawn: readonly string[] = [];
  let hidden = false;

  /** Back to the first line of the region. A terminal made narrower since has folded its lines. */
  const rewind = (): string => {
    if (drawn.length === 0) return '';
    const width = Math.max(1, columns());
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visibleLength(line) / width)), 0);
    return `\u001b[${rows}A\r`;
  };

  return {
    draw: (lines) => {
      const start = hidden ? '' : HIDE_CURSOR;
      hidden = true;
      const body = lines.map((line) => `${line}${CLEAR_TO_LINE_END}\n`).join('');
      stream.write(`${start}${rewind()}${body}${CLEAR_BELOW}`);
      drawn = lines;
    },
    print: (text) => {
      stream.write(`${rewind()}${drawn.length === 0 ? '' : CLEAR_BELOW}${text}`);
      drawn = [];
    },
    close: () => {
      if (!hidden) return;
      stream.write(`${rewind()}${drawn.length === 0 ? '' : CLEAR_BELOW}${SHOW_CURSOR}`);
      drawn = [];
      hidden = false;
    },
  };
}

function visibleLength(line: string): number {
  return line.replace(COLOUR, '').length;
}

/**
 * The few escape sequences that the live view uses, on a screen of fixed size that scrolls and folds long lines: what a
 * person would see in the end, and what has scrolled away.
 */
export class TerminalScreen {
  readonly #columns: number;
  readonly #rows: number;
  readonly #lines: string[] = [''];
  #row = 0;
  #column = 0;
  cursorVisible = true;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
  }

  write(text: string): void {
    // eslint-disable-next-line no-control-regex -- a terminal reads control characters
    for (const [token] of text.matchAll(/\u001b\[\??([0-9;]*)([a-zA-Z])|[^]/gu)) this.#token(token);
  }

  /** Everything from the first line ever written, without trailing blanks. */
  get text(): string {
    return this.#lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** What is on the screen now. */
  get visible(): string[] {
    return this.#lines.slice(this.#top()).map((line) => line.trimEnd());
  }

  #top(): number {
    return Math.max(0, this.#lines.length - this.#rows);
  }

  #token(token: string): void {
    // eslint-disable-next-line no-control-regex -- one of the sequences
    const sequence = /^\u001b\[(\??)([0-9;]*)([a-zA-Z])$/.exec(token);
    if (sequence !== null) this.#control(sequence[1] ?? '', sequence[2] ?? '', sequence[3] ?? '');
    else if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#newLine();
    else this.#put(token);
  }

  #control(mode: string, parameters: string, final: string): void {
    if (mode === '?') {
      if (parameters !== '25') throw new Error(`unexpected mode ${parameters}`);
      this.cursorVisible = final === 'h';
    } else if (final === 'A') {
      // A terminal never goes above its first visible line: what has scrolled away stays as it is.
      this.#row = Math.max(this.#top(), this.#row - Number(parameters));
    } else if (final === 'K') {
      this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, this.#column);
    } else if (final === 'J') {
      this.#lines[this.#row] = (this.#lines[this.#row] ?? '').slice(0, this.#column);
      this.#lines.length = this.#row + 1;
    } else if (final !== 'm') {
      throw new Error(`unexpected sequence ${final}`);
    }
  }

  #newLine(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push('');
  }

  #put(character: string): void {
    if (this.#column >= this.#columns) this.#newLine();
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column += 1;
  }
}

/** Puts what switches a colour or weight on and off around a text. */
export type Paint = (text: string) => string;

/** How to draw. Uncoloured paints return the text itself. */
export interface Style {
  readonly coloured: boolean;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  /** `…` where the locale is UTF-8, else `~`. */
  readonly ellipsis: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Colours are SGR sequences (ECMA-48), each undone by its own. */
export function createStyle(coloured: boolean, unicode: boolean): Style {
  const paint =
    (on: number, off: number): Paint =>
    (text) =>
      coloured && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    coloured,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    ellipsis: unicode ? '…' : '~',
  };
}

/** FORCE_COLOR, then NO_COLOR, then whether it is a terminal that can (TERM=dumb cannot). */
export function wantsColour(environment: Environment, isTerminal: boolean): boolean {
  const forced = environment.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== '') return false;
  return isTerminal && environment.TERM !== 'dumb';
}

/** Whether the cursor can be moved to redraw in place. */
export function canRedraw(environment: Environment, isTerminal: boolean): boolean {
  return isTerminal && environment.TERM !== 'dumb' && environment.TERM !== undefined && environment.TERM !== '';
}

/** Of LC_ALL, LC_CTYPE and LANG the first that is set and not empty decides, as in POSIX. */
export function wantsUnicode(environment: Environment): boolean {
  const locale = [environment.LC_ALL, environment.LC_CTYPE, environment.LANG].find(
    (value) => value !== undefined && value !== '',
  );
  return locale !== undefined && /utf-?8/i.test(locale);
}

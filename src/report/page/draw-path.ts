import type { TraceRecord } from '../../record/record.js';
import { markup, type Markup } from './markup.js';
import { pathColumns, pdmReaches, stopOf, type ArmCell, type PathColumn, type Stop } from './path-columns.js';
import { shortened } from '../../text/safe-text.js';

/** Distance of two hops: as wide as the page allows, within bounds. */
const STEP_MIN = 46;
const STEP_MAX = 104;
const WIDTH = 1140;
/** Where the source stands, right of the lanes' names. */
const SOURCE_X = 96;
const RIGHT_MARGIN = 56;
const AS_TOP = 4;
const AS_HEIGHT = 20;
const PLAIN_Y = 56;
const PDM_Y = 96;
const NUMBER_Y = 124;
const WORD_Y = 144;
const HEIGHT = 134;
const HEIGHT_WITH_WORD = 154;
const RADIUS = 7;
/** Width of a character of the AS labels, about. */
const CHARACTER = 6.1;

/**
 * The path as a drawing: networks above, a lane for each arm, a dot for each answer and a ring for silence, and where packets
 * with PDM are lost. Colours are the stylesheet's, so that it follows light and dark.
 */
export function drawPath(record: TraceRecord): Markup {
  const columns = pathColumns(record);
  const stop = stopOf(record);
  const scale = scaleOf(columns.length);
  const width = scale.x(columns.length - 1) + RIGHT_MARGIN;
  const height = stop === null ? HEIGHT : HEIGHT_WITH_WORD;
  const label = `Path to ${record.target.input}: ${record.verdict.outcome}`;
  return markup`<svg class="path" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${networks(columns, scale)}${stop === null ? null : lostBand(columns, scale, stop)}
<text class="lane plain" x="10" y="${PLAIN_Y + 4}">plain</text><text class="lane pdm" x="10" y="${PDM_Y + 4}">with PDM</text>
${lane(columns, scale, 'plain', PLAIN_Y, (column) => isReached(column.plain) || plainGoesOn(columns, column))}
${lane(columns, scale, 'pdm', PDM_Y, (column) => pdmReaches(record, column))}
${source()}${columns.map((column, index) => place(column, scale.x(index)))}${stop === null ? null : stopSign(columns, scale, stop)}
</svg>`;
}

interface Scale {
  readonly step: number;
  /** Where place `index` lies; −1 is the source. */
  readonly x: (index: number) => number;
}

function scaleOf(places: number): Scale {
  const room = Math.floor((WIDTH - SOURCE_X - RIGHT_MARGIN) / Math.max(1, places));
  const step = Math.min(STEP_MAX, Math.max(STEP_MIN, room));
  return { step, x: (index) => SOURCE_X + (index + 1) * step };
}

/** A silent hop with answers beyond it was passed. */
function plainGoesOn(columns: readonly PathColumn[], column: PathColumn): boolean {
  return columns.slice(columns.indexOf(column) + 1).some((later) => isReached(later.plain));
}

function isReached({ state }: ArmCell): boolean {
  return state === 'answered' || state === 'partly';
}

/** One bar for each run of hops of one AS. */
function networks(columns: readonly PathColumn[], scale: Scale): Markup[] {
  const bars: Markup[] = [];
  for (let from = 0; from < columns.length;) {
    const asn = columns[from]?.asn ?? null;
    let to = from + 1;
    while (to < columns.length && (columns[to]?.asn ?? null) === asn) to += 1;
    if (asn !== null) {
      const name = columns[from]?.asName ?? null;
      const width = (to - from) * scale.step - 6;
      const left = scale.x(from) - scale.step / 2 + 3;
      const whole = name === null ? `AS${asn}` : `AS${asn} ${name}`;
      const text = shortened(whole, Math.floor((width - 8) / CHARACTER));
      bars.push(markup`<g class="network"><title>${whole}</title>
<rect class="tone${bars.length % 2}" x="${left}" y="${AS_TOP}" width="${width}" height="${AS_HEIGHT}" rx="5"/>
<text x="${left + width / 2}" y="${AS_TOP + 14}">${width < 40 ? shortened(String(asn), 5) : text}</text></g>`);
    }
    from = to;
  }
  return bars;
}

/** Line segments from the source to the last place; those into a place that is not reached are dotted. */
function lane(
  columns: readonly PathColumn[],
  scale: Scale,
  arm: 'plain' | 'pdm',
  y: number,
  reached: (column: PathColumn) => boolean,
): Markup[] {
  let solid = true;
  return columns.map((column, index) => {
    // Where a later place is reached the packets passed here, whether or not this hop said so.
    solid = solid && columns.slice(index).some(reached);
    const from = scale.x(index - 1);
    return markup`<line class="${arm}${solid ? '' : ' unreached'}" x1="${from}" y1="${y}" x2="${scale.x(index)}" y2="${y}"/>`;
  });
}

function source(): Markup {
  return markup`<rect class="source" x="${SOURCE_X - 4}" y="${PLAIN_Y - 10}" width="8" height="${PDM_Y - PLAIN_Y + 20}" rx="4"><title>source</title></rect>
<text class="number" x="${SOURCE_X}" y="${NUMBER_Y}">source</text>`;
}

function place(column: PathColumn, atX: number): Markup {
  const number = column.isTarget ? 'target' : String(column.hop ?? '?');
  return markup`${dot(column, column.plain, 'plain', atX, PLAIN_Y)}${dot(column, column.pdm, 'pdm', atX, PDM_Y)}
<text class="number${column.isTarget ? ' target' : ''}" x="${atX}" y="${NUMBER_Y}">${number}</text>`;
}

function dot(column: PathColumn, cell: ArmCell, arm: 'plain' | 'pdm', atX: number, atY: number): Markup | null {
  if (cell.state === 'unsent') return null;
  const kind = `${arm} ${cell.state}`;
  const title = markup`<title>${cellTitle(column, cell, arm)}</title>`;
  if (column.isTarget) {
    const side = RADIUS * 2 + 2;
    return markup`<rect class="${kind}" x="${atX - side / 2}" y="${atY - side / 2}" width="${side}" height="${side}" rx="4">${title}</rect>`;
  }
  return markup`<circle class="${kind}" cx="${atX}" cy="${atY}" r="${cell.state === 'silent' || cell.state === 'refused' ? RADIUS - 2 : RADIUS}">${title}</circle>`;
}

function cellTitle(column: PathColumn, cell: ArmCell, arm: 'plain' | 'pdm'): string {
  const where = column.isTarget ? 'target' : `hop ${column.hop ?? '?'}`;
  const who = cell.responders
    .map((one) => (one.name === null ? one.address : `${one.name} (${one.address})`))
    .join(', ');
  const refused = column.isTarget ? 'arrived, they are refused' : 'refused';
  const count = `${cell.answered} of ${cell.sent} ${cell.state === 'refused' ? refused : 'answered'}`;
  return `${where}, ${arm === 'pdm' ? 'with PDM' : 'plain'}: ${count}${who === '' ? '' : `, ${who}`}`;
}

/** Where a hop number lies; 0 is the source. Beyond the last place: the last place. */
function hopX(columns: readonly PathColumn[], scale: Scale, hop: number): number {
  if (hop <= 0) return SOURCE_X;
  const index = columns.findIndex((column) => column.hop !== null && column.hop >= hop);
  return scale.x(index < 0 ? columns.length - 1 : index);
}

/** The hop limits in which packets are lost, and more strongly those in which they most likely are. */
function lostBand(columns: readonly PathColumn[], scale: Scale, stop: Stop): Markup {
  const from = hopX(columns, scale, stop.after) + RADIUS + 3;
  const bar = (to: number, kind: string): Markup =>
    markup`<rect class="${kind}" x="${from}" y="${PLAIN_Y + 16}" width="${Math.max(6, to - from)}" height="${PDM_Y - PLAIN_Y}" rx="6"/>`;
  return markup`${bar(hopX(columns, scale, stop.upTo) + RADIUS + 5, 'lost')}${bar(hopX(columns, scale, stop.likelyUpTo) - 4, 'likely')}`;
}

function stopSign(columns: readonly PathColumn[], scale: Scale, stop: Stop): Markup {
  const atX = hopX(columns, scale, stop.after) + scale.step / 2;
  return markup`<g class="stop"><circle cx="${atX}" cy="${PDM_Y}" r="9"/><rect x="${atX - 5}" y="${PDM_Y - 1.75}" width="10" height="3.5" rx="1"/>
<text x="${atX}" y="${WORD_Y}">${stop.word}</text></g>`;
}

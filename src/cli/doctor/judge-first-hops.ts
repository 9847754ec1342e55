import { icmpErrorText } from '../../report/words/icmp-words.js';
import type { FirstHopsAnswers, HopAnswer, HopAnswers } from './first-hops.js';

/** What the first hops show, in words, and what to do about it. */
export interface FirstHopsJudgement {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
  readonly remedy: string | null;
}

/** So many fewer answers with the option than without, of five, are worth a word. */
const WORTH_SAYING = 4;

/**
 * Says which of the first hops loses the option, and claims no more than was seen: that a hop forwards the option is seen at a hop
 * behind it alone, a hop that reports no packet with an extension header looks like one behind a drop, and a packet or two are
 * lost everywhere.
 */
export function judgeFirstHops({ hops }: Pick<FirstHopsAnswers, 'hops'>): FirstHopsJudgement {
  const own = hops.flatMap(({ plain }) => plain).find(({ fromSelf }) => fromSelf);
  if (own !== undefined) return judgeOwnWord(own);
  const views = untilElsewhere(merged(hops).map(readHop));
  const isSilent = views.every(({ reach }) => reach === 'silent');
  const said = isSilent ? `none of hops 1 to ${views.length} answers` : views.map(describe).join('; ');
  const judge: Judge = (state, meaning, remedy) => {
    return { state, found: meaning === null ? said : `${said}: ${meaning}`, remedy };
  };
  const last = views.at(-1);
  if (last === undefined) return { state: 'warn', found: 'no hop was asked', remedy: null };
  const far = views.findLast(({ reach }) => reach === 'seen');
  const beyond = views.filter(({ hop }) => hop > (far?.hop ?? 0));
  const stops = beyond.filter(({ reach }) => reach !== 'silent' && reach !== 'elsewhere');
  const [stop] = stops;
  if (stop !== undefined) return judgeStop({ stop, far: far?.hop ?? null, last: stops.at(-1) ?? stop }, judge);
  return far === undefined || (far.hop === 1 && beyond.length > 0)
    ? judgeUnknown(far, last, judge)
    : judgePassing(far, views, judge);
}

type Judge = (state: 'ok' | 'warn', meaning: string | null, remedy: string | null) => FirstHopsJudgement;

/** Nothing leaves this host: the router, or the target on its own link, that packets go to first is not there. */
function judgeOwnWord({ source, type, code, pointer }: HopAnswer): FirstHopsJudgement {
  return {
    state: 'fail',
    found: `packets do not leave this host, which itself (${source}) says of plain ones too: ${icmpErrorText(type, code, pointer)}`,
    remedy:
      'see with `ip -6 route get TARGET` which router they go to first, and with `ip -6 neigh` whether it answers',
  };
}

/** A hop behind the first shows the option, or the target that is near does, and none behind it contradicts. */
function judgePassing(far: View, views: readonly View[], judge: Judge): FirstHopsJudgement {
  if (far.plain - far.seen >= WORTH_SAYING)
    return judge(
      'warn',
      'fewer answers about packets with PDM',
      'try again, or trace a host: that counts enough pairs',
    );
  // Their own silence proves nothing.
  const meanings = views
    .filter(({ hop, reach }) => hop < far.hop && reach === 'lost')
    .map(({ hop }) => `hop ${hop} lets the option on, though it reports no packet with it`);
  // The last hop that is asked, and a target, need not forward anything.
  if (far !== views.at(-1)) meanings.push(`whether hop ${far.hop} lets the option on is not known`);
  return judge('ok', meanings.length === 0 ? null : meanings.join('; '), null);
}

/** No hop says anything about the way behind hop 1, which is silent itself where there is no `first`. */
function judgeUnknown(first: View | undefined, last: View, judge: Judge): FirstHopsJudgement {
  const remedy =
    last.reach === 'elsewhere'
      ? 'name a host that there is a way to, with --target HOST'
      : 'hops that do not answer may not report expired packets; measuring works without it';
  return judge('warn', first === undefined ? null : 'whether hop 1 lets the option on is not known', remedy);
}

/** Where plain packets were answered, and no packet with the option as it was sent. */
interface Stop {
  readonly stop: View;
  /** The last hop that shows the option, or null. */
  readonly far: number | null;
  /** The last such hop: itself, where there is no other. */
  readonly last: View;
}

function judgeStop({ stop, far, last }: Stop, judge: Judge): FirstHopsJudgement {
  const forwarders = hopsFrom(far ?? 1, stop.hop - 1);
  const suspects = hopsFrom(far ?? 1, far === null ? last.hop : stop.hop).join(' and of ');
  const alone = last === stop;
  const remedy = `look at \`nft list ruleset\` here and at the filters of ${suspects}; from here every trace may end at hop ${far ?? 0}`;
  if (stop.refusal !== null) {
    const { source, type, code, pointer } = stop.refusal;
    return judge('warn', `${source} refuses packets with PDM, ${icmpErrorText(type, code, pointer)}`, remedy);
  }
  if (stop.changed > 0)
    return judge(
      'warn',
      `about packets with PDM hop ${stop.hop} answers, but quotes them without the option or with other octets: it is taken out or changed on the way, or in the quotes`,
      'a trace says which',
    );
  if (stop.reach === 'unclear') return judge('warn', 'too few answers to say which', 'try again');
  if (stop.fromTarget && far === null && alone)
    return judge('warn', 'it drops the option, or a filter on this host does', 'look at `nft list ruleset` on both');
  if (far !== null)
    return judge(
      'warn',
      `${forwarders.join(' or ')} loses the option when it forwards, or hop ${stop.hop} drops it, or hop ${stop.hop} reports no packet with it`,
      remedy,
    );
  if (alone && stop.hop === 1)
    return judge('warn', 'it, or a filter on this host, may drop the option, or it reports no packet with it', remedy);
  return judge(
    'warn',
    'the option is lost at one of these hops or on this host, or they report no packet with it',
    remedy,
  );
}

function hopsFrom(first: number, last: number): string[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `hop ${first + index}`);
}

/** A hop, read. */
interface View {
  readonly hop: number;
  readonly pairs: number;
  readonly plain: number;
  /** Packets with the option that drew what plain ones draw, and the option quoted as it was sent. */
  readonly seen: number;
  /** The same, and the quote has not the option that was sent. */
  readonly changed: number;
  /** An error about packets with the option that plain ones do not draw. */
  readonly refusal: HopAnswer | null;
  readonly fromTarget: boolean;
  readonly who: readonly string[];
  /** What plain packets are told where nobody is reached: no route, for example. */
  readonly complaint: HopAnswer | null;
  /** `elsewhere`: no hop is seen there, for plain packets are refused too. `unclear`: some plain ones are lost as well. */
  readonly reach: 'seen' | 'lost' | 'unclear' | 'refused' | 'changed' | 'silent' | 'elsewhere';
}

/** A target that is near answers at every limit from its own on: it is one hop. */
function merged(hops: readonly HopAnswers[]): HopAnswers[] {
  const at = hops.findIndex(({ plain }) => plain.some(({ fromTarget }) => fromTarget));
  const [first, ...further] = at < 0 ? [] : hops.slice(at);
  if (first === undefined) return [...hops];
  const all = [first, ...further];
  return [
    ...hops.slice(0, at),
    {
      hop: first.hop,
      pairs: all.reduce((sum, { pairs }) => sum + pairs, 0),
      plain: all.flatMap(({ plain }) => plain),
      pdm: all.flatMap(({ pdm }) => pdm),
    },
  ];
}

/** Who has no way for plain packets says so at every limit behind: once is enough. */
function untilElsewhere(views: readonly View[]): View[] {
  const at = views.findIndex(({ reach }) => reach === 'elsewhere');
  return at < 0 ? [...views] : views.slice(0, at + 1);
}

function readHop({ hop, pairs, plain, pdm }: HopAnswers): View {
  const usual = new Set(plain.map(kindOf));
  const alike = pdm.filter((answer) => isExpiry(answer) || usual.has(kindOf(answer)));
  const refusal = pdm.find((answer) => !alike.includes(answer)) ?? null;
  const seen = alike.filter(({ quotesOption }) => quotesOption).length;
  const changed = alike.length - seen;
  const fromTarget = plain.some((answer) => answer.fromTarget);
  const isPlace = fromTarget || [...plain, ...alike].some(isExpiry);
  const answers = plain.length > 0 ? plain : pdm;
  const reach = (): View['reach'] => {
    // At hop 1 a complaint shows that the packets got there; at others it may be a hop before that complains.
    if (!isPlace && plain.length > 0 && hop > 1) return 'elsewhere';
    if (seen > 0) return 'seen';
    if (refusal !== null) return 'refused';
    if (changed > 0) return 'changed';
    if (plain.length === 0) return 'silent';
    return plain.length === pairs ? 'lost' : 'unclear';
  };
  return {
    ...{ hop, pairs, plain: plain.length, seen, changed, refusal, fromTarget },
    who: [...new Set(answers.map(({ source }) => source))],
    complaint: isPlace ? null : (plain[0] ?? null),
    reach: reach(),
  };
}

function isExpiry({ type, code }: HopAnswer): boolean {
  return type === 3 && code === 0;
}

function kindOf({ type, code, fromTarget }: HopAnswer): string {
  return `${type}/${code}${fromTarget ? ' of the target' : ''}`;
}

function describe({ hop, pairs, plain, seen, who, fromTarget, complaint, reach }: View): string {
  if (reach === 'silent') return `hop ${hop} does not answer`;
  if (reach === 'elsewhere' && complaint !== null) {
    const words = icmpErrorText(complaint.type, complaint.code, complaint.pointer);
    return `hop ${hop} is not seen, ${who.join(', ')} says of plain packets too: ${words}`;
  }
  const name = fromTarget ? `the target itself (${who.join(', ')})` : `hop ${hop} (${who.join(', ')})`;
  return `${name} answered ${seen} of ${pairs} packets with PDM, ${plain} of ${pairs} without`;
}

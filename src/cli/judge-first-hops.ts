import { icmpErrorText } from '../report/icmp-words.js';
import { HOPS, type FirstHopsAnswers, type HopAnswer, type HopAnswers } from './first-hops.js';

/** What the first two hops show, in words, and what to do about it. */
export interface FirstHopsJudgement {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
  readonly remedy: string | null;
}

/** So many fewer answers with the option than without, of five, are worth a word. */
const WORTH_SAYING = 4;

/**
 * Says which of the first two hops loses the option, and claims no more than was seen: a hop that reports no packet with
 * an extension header looks like one behind a drop, and a packet or two are lost everywhere.
 */
export function judgeFirstHops({ hops }: Pick<FirstHopsAnswers, 'hops'>): FirstHopsJudgement {
  const own = hops.flatMap(({ plain }) => plain).find(({ fromSelf }) => fromSelf);
  if (own !== undefined) return judgeOwnWord(own);
  const views = merged(hops).map(readHop);
  const [first, second] = views;
  const isSilent = views.every(({ reach }) => reach === 'silent');
  const said = isSilent ? 'neither hop 1 nor hop 2 answers' : views.map(describe).join('; ');
  const judge = (state: 'ok' | 'warn', meaning: string | null, remedy: string | null): FirstHopsJudgement => {
    return { state, found: meaning === null ? said : `${said}: ${meaning}`, remedy };
  };
  if (first === undefined) return { state: 'warn', found: 'no hop was asked', remedy: null };
  if (second === undefined || second.reach === 'silent' || second.reach === 'elsewhere')
    return judgeFirst(first, second, judge);
  if (second.reach === 'seen') return judgePassing(first, second, judge);
  return judgeStop(second, first.reach === 'seen', judge);
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

/** Hop 2 shows the option. */
function judgePassing(first: View, second: View, judge: Judge): FirstHopsJudgement {
  if (second.plain - second.seen >= WORTH_SAYING)
    return judge(
      'warn',
      'fewer answers about packets with PDM',
      'try again, or trace a host: that counts enough pairs',
    );
  // Its own silence proves nothing.
  return judge(
    'ok',
    first.reach === 'lost' ? 'hop 1 lets the option on, though it reports no packet with it' : null,
    null,
  );
}

/** Hop 2 says nothing about the way. */
function judgeFirst(first: View, second: View | undefined, judge: Judge): FirstHopsJudgement {
  const isOpen = first.reach === 'seen' || first.reach === 'silent';
  if (!isOpen) return judgeStop(first, false, judge);
  if (second === undefined) return judge('ok', null, null);
  const remedy =
    second.reach === 'elsewhere'
      ? 'name a host that there is a way to, with --target HOST'
      : 'it may not report expired packets; measuring works without it';
  return judge('warn', first.reach === 'seen' ? 'whether hop 1 lets the option on is not known' : null, remedy);
}

/** Plain packets were answered there, and no packet with the option as it was sent. */
function judgeStop(stop: View, firstSawIt: boolean, judge: Judge): FirstHopsJudgement {
  const suspects = stop.hop === 1 ? 'hop 1' : firstSawIt ? 'hop 1 and of hop 2' : 'the first two hops';
  const place = stop.hop === 2 && firstSawIt ? 1 : 0;
  const remedy = `look at \`nft list ruleset\` here and at the filters of ${suspects}; from here every trace may end at hop ${place}`;
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
  if (stop.fromTarget)
    return judge('warn', 'it drops the option, or a filter on this host does', 'look at `nft list ruleset` on both');
  if (stop.hop === 1)
    return judge('warn', 'it, or a filter on this host, may drop the option, or it reports no packet with it', remedy);
  const meaning = firstSawIt
    ? 'hop 1 loses the option when it forwards, or hop 2 drops it, or hop 2 reports no packet with it'
    : 'the option is lost at one of these hops or on this host, or they report no packet with it';
  return judge('warn', meaning, remedy);
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

/** A target that is the first hop answers at both limits: it is one. */
function merged(hops: readonly HopAnswers[]): HopAnswers[] {
  const [first] = hops;
  if (first === undefined || !first.plain.some(({ fromTarget }) => fromTarget)) return [...hops];
  const all = hops.flatMap(({ plain }) => plain);
  return [
    {
      hop: 1,
      pairs: hops.reduce((sum, { pairs }) => sum + pairs, 0),
      plain: all,
      pdm: hops.flatMap(({ pdm }) => pdm),
    },
  ];
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
    // At hop 1 a complaint shows that the packets got there; at hop 2 it may be hop 1 that complains.
    if (!isPlace && plain.length > 0 && hop === HOPS) return 'elsewhere';
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

import type { StopPlace } from './record-stop.js';
import { safeText } from '../../text/safe-text.js';
import type { SharedFault } from './shared-faults.js';

/**
 * A shared fault in one sentence, for the top of a report and for each record that stops there. It accuses nobody whom the
 * records do not: it says where they agree. Safe for a terminal.
 */
export function sharedFaultSentence(fault: SharedFault): string {
  const { kind, targets, measured, after, upTo } = fault;
  const share = `${targets} of ${measured} targets`;
  switch (kind) {
    case 'refused':
      return `${share} have packets with the option refused at one place, by ${placeWords(upTo)}: ${faultWords(fault)}`;
    case 'between':
      return `${share} lose packets with the option at one place, between ${placeWords(after)} and ${placeWords(upTo)}: ${faultWords(fault)}`;
    case 'behind':
      return (
        `${share} lose packets with the option behind one place, ${behindWords(fault)}, and none of this run was seen to pass it: ` +
        `most likely ${faultWords(fault).replace(/\.$/, '')}; or their own networks each drop it and no router behind that place reports such packets.`
      );
    case 'unseen':
      return (
        `No target of this run answered a packet with the option, and of ${share} that answer plain ones none is seen beyond ${placeWords(after)}: ` +
        `one fault ${isNear(fault) ? 'near this vantage point' : 'behind that place'} looks so, and so do routers that report no such packets. ` +
        `No network is accused of it${isNear(fault) ? '; `pdm-trace doctor` looks at the first hops' : ''}.`
      );
  }
}

/** What is said first of a run: faults that weigh enough, and how many others there are. None where nothing is shared. */
export function faultLines(faults: readonly SharedFault[]): string[] {
  const others = otherFaultsSentence(faults);
  return [...faults.filter(({ isFirst }) => isFirst).map(sharedFaultSentence), ...(others === null ? [] : [others])];
}

/** Hops that `doctor` looks at, and those of the source's own network. */
function isNear({ isOwn, after }: SharedFault): boolean {
  return isOwn || (after !== null && after.hop <= 2);
}

/** What is counted once beside those said first: `3 more places are shared by 5 targets or more each (21 targets).`; null for none. */
export function otherFaultsSentence(faults: readonly SharedFault[]): string | null {
  const others = faults.filter(({ isFirst }) => !isFirst);
  if (others.length === 0) return null;
  const targets = others.reduce((sum, fault) => sum + fault.targets, 0);
  const subject = others.length === 1 ? '1 more place is' : `${others.length} more places are`;
  return `${subject} shared by several targets (${targets} in all): each is one fault, counted once.`;
}

function faultWords({ isOwn, kind }: SharedFault): string {
  if (!isOwn) return 'one fault, counted once.';
  // Where the loss is only known to be behind a place, the target's network is not excluded.
  const others = kind === 'behind' ? '' : "; it says nothing about the targets' networks";
  return `one fault near this vantage point, counted once${others}.`;
}

function behindWords({ after, upTo }: SharedFault): string {
  const place = placeWords(after);
  return upTo === null
    ? `${place}, where their ways part`
    : `${place}, before their ways part behind ${placeWords(upTo)}`;
}

function placeWords(place: StopPlace | null): string {
  if (place === null) return 'an unknown place';
  if (place.hop === 0) return 'the source';
  return place.address === null ? `hop ${place.hop}` : `hop ${place.hop} (${safeText(place.address)})`;
}

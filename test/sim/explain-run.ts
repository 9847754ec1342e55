import { fatesFor } from './acceptable.js';
import { formatText } from './address-text.js';
import type { GeneratedNetwork } from './generate-network.js';
import { fateClassOf } from './outcome-table.js';
import type { NetworkRun } from './run-network.js';

/** Everything about one network and its records, for people. */
export function explainRun(
  { scenario, ingredients, network, profile }: GeneratedNetwork,
  run: NetworkRun,
  lines: readonly string[],
): string {
  const out: string[] = [
    `scenario: ${scenario}, seed ${network.seed}, ${profile}`,
    `ingredients: ${ingredients.length === 0 ? 'none' : ingredients.join(', ')}`,
  ];
  const short = (_key: string, value: unknown): unknown =>
    value instanceof Uint8Array ? formatText(value) : value === Infinity ? 'for ever' : value;
  for (const [index, epoch] of network.epochs.entries()) {
    out.push(`from ${(epoch.fromNs / 1e9).toFixed(3)} s:`);
    for (const segment of epoch.segments) {
      segment.members.forEach((member, number) => {
        out.push(
          `  way ${number} of ${segment.members.length}, hash ${segment.hash}, header ${segment.headerMember ?? 'the same'}`,
        );
        if (index === 0) for (const router of member) out.push(`    ${JSON.stringify(router, short)}`);
        else out.push(`    ${member.map((router) => formatText(router.addresses[0]!)).join(' ')}`);
      });
    }
  }
  out.push(
    `target: ${JSON.stringify(network.target, short)}`,
    `adversary: ${JSON.stringify(network.adversary)}`,
    `sends that fail: ${JSON.stringify(network.sendFailures)}`,
  );
  for (const protocol of new Set(run.records.map((record) => record.protocol))) {
    const { effects, ...truth } = run.truth[protocol];
    out.push(
      `truth of ${protocol}: ${JSON.stringify(truth)}`,
      ...effects.map(
        ({ kind, hopLimit, place, cause }) =>
          `  ${kind} at hop limit ${hopLimit}, place ${place}, cause ${cause ?? 'unknown'}`,
      ),
    );
  }
  out.push('packets:', ...lines.map((line) => `  ${line}`));
  for (const record of run.records) {
    out.push(
      `record of ${record.protocol}: ${JSON.stringify(record.verdict)}`,
      `  fares ${JSON.stringify(fatesFor(record, run.truth))}: ${fateClassOf(run, record)}`,
      `  summary ${JSON.stringify(record.summary)}`,
      `  counters ${JSON.stringify(record.counters)}`,
    );
    for (const place of [...record.hops, ...(record.targetPairs === null ? [] : [record.targetPairs])]) {
      const arms = Object.entries(place.arms).map(([arm, { sent, answered, responders }]) => {
        const who = responders.map(
          ({ address, icmp, quotes }) =>
            `${address} ${icmp.map(({ type, code, count }) => `${count}×${type}/${code}`).join(' ')} ${quotes
              .map(
                ({ intact, changes, count }) =>
                  `${count}×${intact === true ? 'intact' : intact === null ? '-' : 'changed'}${changes.join('+')}`,
              )
              .join(' ')}`,
        );
        return `${arm} ${answered}/${sent} ${who.join(', ')}`;
      });
      const { both, plainOnly, pdmOnly, neither } = place.pairs;
      out.push(
        `  ${place.hop ?? 'target'}: pairs ${both}/${plainOnly}/${pdmOnly}/${neither}/${place.pairs.void}; ${arms.join('; ')}`,
      );
    }
  }
  for (const violation of run.violations) out.push(`VIOLATION ${violation.kind}: ${violation.text}`);
  return out.join('\n');
}

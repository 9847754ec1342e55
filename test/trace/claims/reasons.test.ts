/** What would settle a verdict that is open stands with its reason: read from the sources, so that no reason is forgotten. */
import { readFileSync, readdirSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { SETTLED_BY } from '../../../src/record/record.js';
import { CHANGED_TWICE } from '../../../src/trace/claims/same-path.js';
import { TARGET_HOP_LIMIT } from '../../../src/trace/numbers.js';
import { ECHO_LOST, ECHO_SILENT } from '../by-hand.js';
import { dropsFrom, isTreated, runTrace, type FakePath } from '../fake-path.js';

/** Reasons that nobody can do anything about, and why. */
const NOTHING_SETTLES: readonly (readonly [says: string, why: string])[] = [
  [
    'Fewer of the packets without the option arrive, but some do',
    'it is what was found, by every trace alike: there is no outcome for it',
  ],
  [
    'Packets with the option were refused by several addresses: too mixed to name one.',
    'it is what was found: each way has its own refuser, and another trace meets them again',
  ],
  [
    "Some routers quote the option otherwise than it was sent, but in the target's name it is quoted intact.",
    'it is settled: nothing was changed on the way there',
  ],
];

interface Said {
  readonly file: string;
  readonly says: string;
  /** The code's text, or that of an expression that passes another reason's code on. */
  readonly settledBy: string;
}

const ROOT = new URL('../../../src/trace/', import.meta.url);
const FILES = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** Every object that is made with a sentence and a code. */
function reasonsIn(file: string): Said[] {
  const source = ts.createSourceFile(file, readFileSync(new URL(file, ROOT), 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Said[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) {
      const of = (name: string): string | undefined => {
        const property = node.properties.find((each) => each.name?.getText(source) === name);
        if (property === undefined) return undefined;
        return ts.isPropertyAssignment(property) ? property.initializer.getText(source) : name;
      };
      const [says, settledBy] = [of('says'), of('settledBy')];
      if (says !== undefined && settledBy !== undefined) found.push({ file, says, settledBy });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** What is given to `refuted`: a literal would have to be an object, and the compiler demands its code. */
const REASONS = FILES.flatMap(reasonsIn);
const PASSED_ON = ['settledBy', 'first.settledBy', 'standing.settledBy'];

describe('the reasons of verdicts that are open', () => {
  it('are found in all files that make them', () => {
    const files = new Set(REASONS.map(({ file }) => file));
    const making = ['bypassed', 'changed', 'delivered', 'doubt', 'dropped', 'impaired', 'no-difference', 'rejected'];
    for (const claim of [...making, 'same-path']) expect(files).toContain(`claims/${claim}.ts`);
    for (const part of ['own-pdm', 'silence', 'target-pairs', 'reference'])
      expect(files).toContain(`evidence/${part}.ts`);
    for (const file of ['reply/too-big.ts', 'write-verdict.ts']) expect(files).toContain(file);
  });

  it('carry the code of what would settle them, or stand in the list of those that nothing settles', () => {
    const known = SETTLED_BY.map((code) => `'${code}'`);
    const without = REASONS.filter(({ settledBy }) => ![...known, ...PASSED_ON].includes(settledBy));
    for (const { settledBy } of without) expect(settledBy).toBe('null');
    const listed = without.map(({ file, says }) => [
      file,
      NOTHING_SETTLES.find(([start]) => says.slice(1).startsWith(start))?.[0],
    ]);
    expect(listed.map(([, start]) => start).sort()).toEqual(NOTHING_SETTLES.map(([start]) => start).sort());
  });

  it('use every code', () => {
    // The one of a trace that was interrupted stands with that finding.
    const used = new Set([...REASONS.map(({ settledBy }) => settledBy), "'whole-trace'"]);
    expect(SETTLED_BY.filter((code) => !used.has(`'${code}'`))).toEqual([]);
  });
});

describe('a verdict that is open', () => {
  const verdictOn = (path: Omit<FakePath, 'routers'>) => runTrace({ ...path, routers: 8 }).verdict;
  const fewerPlain = (): NonNullable<FakePath['differs']> => {
    let asked = 0;
    return ({ arm, hopLimit }) =>
      !isTreated(arm) && hopLimit === TARGET_HOP_LIMIT && (asked += 1) % 10 !== 1 ? null : undefined;
  };

  it.each([
    ['tcp', { protocol: 'udp', siblingEcho: ECHO_SILENT, differs: dropsFrom(5) }],
    // Of SYNs everything was asked already, by this trace or by one of their own.
    ['capture-at-target', { protocol: 'udp', siblingEcho: ECHO_LOST, watchesTcp: true, differs: dropsFrom(5) }],
    [
      'capture-at-target',
      { protocol: 'udp', siblingEcho: ECHO_SILENT, siblingTcp: ECHO_SILENT, differs: dropsFrom(5) },
    ],
    ['other-network', { protocol: 'icmp6', answeredBeyond: false, differs: dropsFrom(1) }],
    ['other-protocol', { protocol: 'icmp6', routerSeenByOthers: 12, differs: dropsFrom(5) }],
    ['answering-protocol', { protocol: 'udp', differs: (one) => (one.hopLimit > 8 ? null : dropsFrom(5)(one)) }],
    [null, { protocol: 'icmp6', differs: fewerPlain() }],
  ] as const satisfies readonly (readonly [string | null, Omit<FakePath, 'routers'>])[])(
    'says that %s would settle it',
    (code, path) => {
      const { outcome, settledBy, reasons } = verdictOn(path);
      expect([outcome, settledBy, reasons]).toEqual(['inconclusive', code, reasons]);
    },
  );

  it('names no two causes as if there were no third: a limit, or one of several ways, lets some packets by', () => {
    const eitherOr = REASONS.filter(({ says }) => says.includes('protocol-specific'));
    expect(eitherOr.length).toBeGreaterThanOrEqual(3);
    for (const { says } of eitherOr) expect(says).toContain('a limit or one of several ways lets some packets by');
    const ofIcmpv6 = REASONS.filter(({ says }) => says.includes('what filters ICMPv6 alone'));
    expect(ofIcmpv6.map(({ says }) => says.includes('a limit on packets with the option lets some by'))).toEqual([
      true,
    ]);
  });

  it('does not say that the path changed, of which answers are all that is seen', () => {
    expect(REASONS.filter(({ says }) => /[Tt]he path changed/.test(says))).toEqual([]);
    expect(CHANGED_TWICE.says).toContain('The path may have changed.');
  });

  it('alone says so', () => {
    expect(verdictOn({ protocol: 'icmp6', differs: dropsFrom(5) })).toMatchObject({
      outcome: 'dropped',
      settledBy: null,
    });
  });
});

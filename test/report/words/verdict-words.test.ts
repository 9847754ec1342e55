import { describe, expect, it } from 'vitest';
import { verdictWords } from '../../../src/report/words/verdict-words.js';
import { noCounters, OUTCOMES, SETTLED_BY, type Attribution, type TraceRecord } from '../../../src/record/record.js';
import {
  buildRecord,
  deliveredRecord,
  droppedRecord,
  evidence,
  hop,
  place,
  routerPlace,
  TARGET,
  targetPairs,
} from '../../cli/record-builder.js';

function spoken(record: TraceRecord): string {
  const words = verdictWords(record);
  return [words.headline, ...words.details, ...words.reasons.map((reason) => `- ${reason}`)].join('\n');
}

/** The dropped record with parts of its verdict and summary replaced. */
function dropped(
  verdict: Partial<TraceRecord['verdict']>,
  summary: Partial<TraceRecord['summary']> = {},
  record: Partial<TraceRecord> = {},
): TraceRecord {
  const base = droppedRecord();
  return { ...base, ...record, verdict: { ...base.verdict, ...verdict }, summary: { ...base.summary, ...summary } };
}

describe('verdict words', () => {
  it('say where a drop is: certain, most likely, whose network, in numbers', () => {
    expect(spoken(droppedRecord())).toBe(
      [
        "PDM stops between hop 4 (r4.example.net, AS64510 Transit Ltd) and the target, or by the target itself, most likely before hop 5 (r5.example.net, AS64510 Transit Ltd): hop 5 is not yet in www.example.com's network (AS64501 Example Corp).",
        'Probes that the target answered: 0 of 12 with, 12 of 12 without; at most 44 % of those with the option arrive (99.9 %).',
        'Confidence 99.97 %.',
        'Echo requests with PDM stay unanswered too, so no filter on quoted options is what takes the answers.',
        'Attribution by origin AS of the addresses (test data, 2025-01-01): AS64510 Transit Ltd.',
      ].join('\n'),
    );
  });

  it('leave "most likely" out where the nearest place is the certain one', () => {
    const [headline] = spoken(dropped({ interval: { after: 4, upTo: 5, likelyUpTo: 5 } })).split('\n');
    expect(headline).toContain(
      'PDM stops between hop 4 (r4.example.net, AS64510 Transit Ltd) and hop 5 (r5.example.net, AS64510 Transit Ltd): hop 5',
    );
    expect(headline).not.toContain('most likely');
  });

  it('name a silent hop by its number', () => {
    const base = dropped({ interval: { after: 4, upTo: 7, likelyUpTo: 6 } }, {}, {});
    base.hops[4] = hop(5, 'none');
    base.summary.nextHop = { hop: 5, ...place(null, null, null), candidates: [], uncertain: false };
    base.summary.inDestinationNetwork = 'unknown';
    base.summary.attribution = {
      best: null,
      worst: null,
      candidates: [64510, 64501],
      rule: 'silent',
      method: 'origin-as',
      source: null,
      date: null,
    };
    expect(spoken(base)).toBe(
      [
        "PDM stops between hop 4 (r4.example.net, AS64510 Transit Ltd) and the target, or by the target itself, most likely before hop 6 (r6.example.net, AS64510 Transit Ltd): whether hop 5 is in www.example.com's network (AS64501 Example Corp) is unknown.",
        'Probes that the target answered: 0 of 12 with, 12 of 12 without; at most 44 % of those with the option arrive (99.9 %).',
        'Confidence 99.97 %.',
        'Echo requests with PDM stay unanswered too, so no filter on quoted options is what takes the answers.',
        'Attribution by origin AS of the addresses: one of AS64510 Transit Ltd, AS64501 Example Corp. A border router may carry the address of the network next to it; a network between them with no other router would not be seen.',
      ].join('\n'),
    );
  });

  it('put a drop before every hop on the source side', () => {
    const record = dropped(
      { interval: { after: 0, upTo: 7, likelyUpTo: 1 } },
      { lastPdmHop: null, nextHop: { ...routerPlace(1), candidates: [], uncertain: false } },
    );
    expect(verdictWords(record).headline).toBe(
      "PDM stops between the source and the target, or by the target itself, most likely before hop 1 (r1.example.net, AS64500 Source Net): hop 1 is not yet in www.example.com's network (AS64501 Example Corp).",
    );
  });

  it('say that a router with two names looks like two ways, where the hop behind it was not seen by both', () => {
    const words = (pathsDiverge: number): string =>
      spoken(dropped({ pathsDiverge, interval: { after: 4, upTo: 6, likelyUpTo: 5 } }, { lastPdmHop: routerPlace(4) }));
    expect(words(4)).toContain('from hop 4 on, or the router at hop 4 has two names');
    expect(words(3)).not.toContain('two names');
  });

  it('claim no certain hop on a path that PDM does not take', () => {
    const text = spoken(
      dropped(
        { pathsDiverge: 3, interval: { after: 4, upTo: 6, likelyUpTo: 5 } },
        { nextHop: { ...routerPlace(5), candidates: [], uncertain: true }, inDestinationNetwork: 'unknown' },
      ),
    );
    expect(text).not.toContain('certainly');
    expect(text).toContain(
      'and hop 6 (on the plain path r6.example.net, AS64510 Transit Ltd), most likely before hop 5 (on the plain path r5.example.net, AS64510 Transit Ltd): whether',
    );
    expect(text).toContain(
      'Packets with PDM take another path than plain ones from hop 3 on, so hop 5 of the plain path may not be on the way of PDM packets.',
    );
  });

  it('give both readings of a border', () => {
    const text = spoken(
      dropped(
        {},
        {
          inDestinationNetwork: 'likely',
          attribution: {
            best: 64501,
            worst: 64510,
            candidates: [64510, 64501],
            rule: 'x, D, any',
            method: 'origin-as',
            source: 'test data',
            date: null,
          },
        },
      ),
    );
    expect(text).toContain("hop 5 is likely already in www.example.com's network (AS64501 Example Corp).");
    expect(text).toContain(
      "Attribution by origin AS of the addresses (test data): AS64510 Transit Ltd's egress or AS64501 Example Corp's ingress. A border router may carry the address of the network next to it; a network between them with no other router would not be seen.",
    );
  });

  it.each([
    ['yes', "hop 5 is already in www.example.com's network"],
    ['ambiguous', "hop 5 may be in www.example.com's network (AS64501 Example Corp) or still in its provider's"],
  ] as const)('say membership "%s" of hop n+1', (inDestinationNetwork, sentence) => {
    expect(spoken(dropped({}, { inDestinationNetwork }))).toContain(sentence);
  });

  it("call the network the destination's where an address was given", () => {
    const base = droppedRecord();
    base.target.input = '2001:db8:ffff::80';
    expect(verdictWords(base).headline).toContain(
      "hop 5 is not yet in the destination's network (AS64501 Example Corp).",
    );
  });

  it.each<[string, Partial<Attribution>, string]>([
    ['one network', { best: 64510, worst: 64510 }, 'AS64510 Transit Ltd'],
    [
      'a silent stretch',
      { silent: [{ from: 3, to: 5 }] },
      'AS64510 Transit Ltd, or a network among the silent hops 3–5',
    ],
    ['a silent hop', { silent: [{ from: 3, to: 3 }] }, 'AS64510 Transit Ltd, or a network at the silent hop 3'],
    [
      'two silent stretches, and others',
      {
        candidates: [64510, 64501],
        silent: [
          { from: 3, to: 5 },
          { from: 7, to: 7 },
        ],
        unknown: true,
      },
      'one of AS64510 Transit Ltd, AS64501 Example Corp, or a network among the silent hops 3–5 and 7, or an unknown network',
    ],
    ['nobody that can be named', { candidates: [], unknown: true }, 'an unknown network'],
    [
      'more than the two readings',
      { best: 64501, worst: 64510, candidates: [64500, 64510, 64501] },
      'one of AS64500 Source Net, AS64510 Transit Ltd, AS64501 Example Corp',
    ],
  ])('name every network that may be meant: %s', (_, changes, who) => {
    const attribution = { ...droppedRecord().summary.attribution!, best: null, worst: null, ...changes };
    const text = spoken(dropped({}, { inDestinationNetwork: 'unknown', attribution }));
    expect(text).toContain(`Attribution by origin AS of the addresses (test data, 2025-01-01): ${who}.`);
  });

  it('name no network of their own where the record names none', () => {
    expect(spoken(dropped({}, { inDestinationNetwork: null, attribution: null }))).not.toMatch(/network|Attribution/);
  });

  it('speak of the hop that the record calls the next one, and of how far some went beyond where they are lost', () => {
    const text = spoken(
      dropped({ interval: { after: 3, upTo: 7, likelyUpTo: 5 } }, { inDestinationNetwork: 'unknown' }),
    );
    expect(text).toContain('PDM stops between hop 3 (');
    expect(text).toContain('whether hop 5 is in');
    expect(text).toContain('Some packets with the option were seen as far as hop 4 (r4.example.net');
  });

  it('say that a filter on the way back is not excluded', () => {
    const text = spoken(dropped({ evidence: { ...droppedRecord().verdict.evidence, returnPath: 'not excluded' } }));
    expect(text).toContain('a filter on the way back that drops errors quoting the option is not excluded.');
    expect(text).not.toContain('stay unanswered too');
    expect(spoken(dropped({}, {}, { protocol: 'icmp6' }))).not.toContain('stay unanswered too');
  });

  it('say what stayed away that quotes nothing: echo requests, or answers of the trace itself', () => {
    const { witness: _, ...unsaid } = droppedRecord().verdict.evidence;
    const words = (evidence: TraceRecord['verdict']['evidence'], protocol: TraceRecord['protocol'] = 'udp'): string =>
      spoken(dropped({ evidence }, {}, { protocol }));
    const own = "The target's answers quote nothing, so no filter on quoted options is what keeps them away.";
    expect(words({ ...unsaid, witness: 'echo' })).toContain('Echo requests with PDM stay unanswered too');
    expect(words({ ...unsaid, witness: 'answers' })).toContain(own);
    // Older records do not say which it was.
    expect(words(unsaid)).toContain('Answers that quote nothing stay away too');
    expect(words(unsaid, 'tcp')).toContain(own);
    for (const text of [words(unsaid), words(unsaid, 'tcp')]) expect(text).not.toMatch(/[Ee]cho/);
  });

  it("say where who refuses in the target's name stands, and that a reset is its word", () => {
    const refusal = { address: '2001:db8:ffff::80', hop: null, type: 1, code: 1, pointer: null, inTargetName: true };
    for (const [said, headline] of [
      [refusal, "refused by something in the target's name: administratively prohibited (ICMPv6 1/1)."],
      [null, "refused by something in the target's name: by RST."],
    ] as const) {
      const text = spoken(dropped({ outcome: 'rejected', refusal: said }));
      expect(text).toContain(headline);
      expect(text).toMatch(/It stands between hop 4 \(.*\) and the target, or by the target itself/);
    }
  });

  it('say what a drop behind a silent target rests on', () => {
    const text = spoken(
      dropped(
        { evidence: evidence({ basis: 'routers', pairs: 14, plainOnly: 11, passRateUpper: 0.47 }) },
        {},
        { targetPairs: targetPairs(0, 0, 10) },
      ),
    );
    expect(text).toContain(
      'The target is silent, so this rests on a router that has reported such packets in this run. Probes that it answered: 0 of 14 with, 11 of 14 without; at most 47 % of those with the option arrive (99.9 %).',
    );
    expect(text).not.toContain('arrived');
    const refusal = { address: '2001:db8:4::1', hop: 4, type: 1, code: 1, pointer: null };
    const refused = spoken(
      dropped(
        { outcome: 'rejected', refusal, evidence: evidence({ basis: 'routers', pairs: 10, passRateUpper: null }) },
        {},
        { targetPairs: targetPairs(0, 0, 10) },
      ),
    );
    expect(refused).toContain(
      'The target is silent, so this rests on hops behind the refuser: plain probes get there.',
    );
    expect(refused).not.toMatch(/0 of 10|reported/);
  });

  it.each([
    ['option', 'Only the PDM option is lost'],
    ['size', 'A destination options header of 16 octets is lost whatever is in it'],
    ['destination-options', 'Any destination options header is lost, not PDM alone'],
    ['length', 'it is the length and not the option'],
  ] as const)('name the cause %s', (cause, sentence) => {
    expect(spoken(dropped({ cause }))).toContain(sentence);
  });

  it('say how far the option itself was seen in a delivery', () => {
    expect(spoken(deliveredRecord())).toBe(
      [
        'PDM arrives: the target answers packets with the option as well as plain ones (10 of 10 with, 10 of 10 without).',
        'The target itself quotes the option intact.',
      ].join('\n'),
    );
    const echo = deliveredRecord();
    echo.verdict.optionSeenUpTo = 6;
    expect(spoken(echo)).toContain(
      'The option itself was last seen intact at hop 6 (r6.example.net, AS64510 Transit Ltd); beyond it only the arrival of the packets is known.',
    );
    echo.verdict.optionSeenUpTo = null;
    expect(spoken(echo)).toContain('No hop quoted the option');
  });

  it.each([
    [[5, 6], 'Hops 5 to 6 answered plain packets alone: hops are asked on one flow, whose way may lose the option'],
    [[4, 6], '2 of hops 4 to 6 answered plain packets alone'],
    [[5], 'Hop 5 answered plain packets alone'],
    [[], ''],
  ])('say of a delivery why hops %j show a loss', (silent, sentence) => {
    const record = deliveredRecord();
    record.hops = record.hops.map(({ hop: number }) => hop(number, silent.includes(number) ? 'plain' : 'both'));
    expect(spoken(record).includes('answered plain packets alone')).toBe(silent.length > 0);
    expect(spoken(record)).toContain(sentence);
  });

  it('do not say a delivery twice', () => {
    const record = deliveredRecord();
    record.verdict.reasons = ['The target answers packets with the option as well as those without.', 'More.'];
    expect(verdictWords(record).reasons).toEqual(['More.']);
  });

  it('name who refuses, how, and where', () => {
    const record = buildRecord({
      hops: [1, 2, 3, 4].map((number) => hop(number, number <= 3 ? 'both' : 'plain')),
      targetPairs: targetPairs(10, 0, 10),
      summary: {
        lastPdmHop: routerPlace(3),
        lastPlainHop: { hop: 7, ...TARGET },
        nextHop: { ...routerPlace(4), candidates: [], uncertain: false },
        inDestinationNetwork: 'no',
        attribution: { ...droppedRecord().summary.attribution!, best: null, worst: null, candidates: [64510, 64501] },
      },
      verdict: {
        outcome: 'rejected',
        confidence: 1 - 2 ** -10,
        refusal: { address: '2001:db8:4::1', hop: 4, type: 1, code: 1, pointer: null },
        evidence: evidence({ basis: 'target', pairs: 10, plainOnly: 10 }),
      },
    });
    expect(spoken(record)).toBe(
      [
        'Packets with PDM are refused at hop 4 by r4.example.net, AS64510 Transit Ltd: administratively prohibited (ICMPv6 1/1).',
        "Hop 4 is not yet in www.example.com's network (AS64501 Example Corp).",
        'Probes that the target answered: 0 of 10 with, 10 of 10 without.',
        'Confidence 99.9 %.',
        'Attribution by origin AS of the addresses (test data, 2025-01-01): one of AS64510 Transit Ltd, AS64501 Example Corp. A border router may carry the address of the network next to it; a network between them with no other router would not be seen.',
      ].join('\n'),
    );
    record.verdict.refusal = { address: '2001:db8::bad', hop: null, type: 4, code: 2, pointer: 42 };
    expect(verdictWords(record).headline).toBe(
      'Packets with PDM are refused by 2001:db8::bad: unrecognised option (ICMPv6 4/2, pointer 42).',
    );
    record.verdict.refusal = { address: TARGET.address!, hop: 7, type: 4, code: 2, pointer: 42, inTargetName: true };
    expect(verdictWords(record).headline).toBe(
      "Packets with PDM are refused by something in the target's name: unrecognised option (ICMPv6 4/2, pointer 42).",
    );
  });

  it('say that the option is removed or changed and the packets go on', () => {
    const interval = { after: 3, upTo: 5, likelyUpTo: 4 };
    const parts = {
      hops: [1, 2, 3, 4, 5].map((number) => hop(number, 'both')),
      targetPairs: targetPairs(10, 10, 10),
      summary: { lastPdmHop: routerPlace(3) },
    };
    expect(spoken(buildRecord({ ...parts, verdict: { outcome: 'stripped', interval } }))).toBe(
      [
        'The PDM option is removed from packets between hop 3 (r3.example.net, AS64500 Source Net) and hop 5 (r5.example.net, AS64510 Transit Ltd), most likely before hop 4 (r4.example.net, AS64510 Transit Ltd).',
        'The packets themselves go on.',
        'The target itself quotes them so; something that rewrites all quotes on their way back would look the same.',
        'Probes that the target answered: 10 of 10 with, 10 of 10 without.',
      ].join('\n'),
    );
    expect(verdictWords(buildRecord({ ...parts, verdict: { outcome: 'altered' } })).headline).toBe(
      'The octets of the PDM option are changed.',
    );
  });

  it('give both rates of an impairment', () => {
    const record = buildRecord({
      targetPairs: targetPairs(29, 14, 30),
      verdict: {
        outcome: 'impaired',
        confidence: 0.9997,
        evidence: evidence({ basis: 'target', pairs: 30, plainOnly: 15, rates: { plain: 29 / 30, pdm: 14 / 30 } }),
      },
    });
    expect(spoken(record)).toBe(
      [
        'Packets with PDM are answered less often than plain ones (14 of 30 with, 29 of 30 without).',
        'Confidence 99.97 %.',
        'Where the others are lost is not known, so no network is named.',
      ].join('\n'),
    );
    // Some packets pass every hop, so n and the attribution that follows from it say nothing.
    record.summary.attribution = droppedRecord().summary.attribution;
    expect(spoken(record)).not.toContain('Attribution');
  });

  it('say why there is no verdict, what was seen, and the other reasons below', () => {
    const record = buildRecord({
      targetPairs: targetPairs(4, 0, 10),
      summary: { lastPdmHop: routerPlace(3), lastPlainHop: { hop: 7, ...TARGET } },
      verdict: {
        outcome: 'inconclusive',
        reasons: ['Only 4 of the 10 pairs needed were answered.', 'Replies came that fit no one probe.'],
      },
    });
    expect(spoken(record)).toBe(
      [
        'No verdict: Only 4 of the 10 pairs needed were answered.',
        'PDM was seen up to hop 3 (r3.example.net, AS64500 Source Net), plain packets up to hop 7 (www.example.com, AS64501 Example Corp).',
        'Probes that the target answered: 0 of 10 with, 4 of 10 without.',
        '- Replies came that fit no one probe.',
      ].join('\n'),
    );
  });

  it('say what would settle it by the code of the record, and nothing where an older record has none', () => {
    const said = (code: Partial<TraceRecord['verdict']>): string[] => {
      const { details } = verdictWords(
        buildRecord({ verdict: { outcome: 'inconclusive', reasons: ['Still open: dropped.'], ...code } }),
      );
      return details.filter((detail) => /settle|Trace it again/.test(detail));
    };
    expect(said({})).toEqual([]);
    expect(said({ settledBy: null })).toEqual([]);
    const sentences = SETTLED_BY.map((settledBy) => said({ settledBy }));
    for (const sentence of sentences) expect(sentence).toHaveLength(1);
    expect(new Set(sentences.flat()).size).toBe(SETTLED_BY.length);
  });

  it('accuse nobody where nothing answers', () => {
    const unreachable = (answered: number, reason: string): string => {
      const counters = { ...noCounters(), sent: 66, answered };
      return spoken({ ...buildRecord({ verdict: { outcome: 'unreachable', reasons: [reason] } }), counters });
    };
    expect(unreachable(0, 'Nothing answered.')).toBe(
      [
        'Nothing answered the plain packets either, so nothing is known about PDM here.',
        '66 probes were sent.',
        '- Nothing answered.',
      ].join('\n'),
    );
    // Plain packets may be answered where this host sends no others.
    expect(unreachable(40, 'This host itself refuses to send packets with the option (EPERM).')).toBe(
      'Nothing is known about PDM here: This host itself refuses to send packets with the option (EPERM).\n66 probes were sent.',
    );
    const silent = buildRecord({
      targetPairs: targetPairs(0, 0, 10),
      summary: { lastPdmHop: routerPlace(6), lastPlainHop: routerPlace(6) },
      verdict: { outcome: 'no-difference' },
    });
    expect(spoken(silent)).toBe(
      [
        'No difference seen: the target answers neither kind of packet, and PDM reaches at least as far as plain.',
        'PDM was seen up to hop 6 (r6.example.net, AS64510 Transit Ltd), plain packets up to hop 6 (r6.example.net, AS64510 Transit Ltd).',
      ].join('\n'),
    );
  });

  /** Hop h is answered by the router of this number; null is silent. */
  const lost = (...answers: (number | null)[]): string => {
    const hops = answers.map((router, index) => ({
      ...hop(router ?? 1, router === null ? 'none' : 'both'),
      hop: index + 1,
    }));
    return spoken(buildRecord({ hops, targetPairs: targetPairs(0, 0, 10), verdict: { outcome: 'no-difference' } }));
  };

  it('say a routing loop, of how many routers and where', () => {
    expect(lost(1, 2, 3, 4, 3, 4, 3, 4, 3)).toContain(
      'A routing loop: the 2 routers at hops 3–4 answer again and again',
    );
    expect(lost(1, 2, 3, 4, 2, 3, 4, 2, 3, 4, 2, 3, null)).toContain('A routing loop: the 3 routers at hops 2–4');
  });

  it.each<[string, (number | null)[]]>([
    ['one address for several routers', [1, 2, 3, 3, 3, 3, 3, 3, 3]],
    ['one address at hops that are apart', [1, 2, 3, 2, 4, 2, 5, 2, 6]],
    ['two rounds alone, as a way that changed once leaves them', [1, 2, 3, 4, 3, 4]],
    ['silence in between', [1, 2, 3, null, 3, null, 3, null, 3]],
  ])('a relative: call it no loop where there is %s', (_, answers) => {
    expect(lost(...answers)).not.toContain('routing loop');
  });

  it('a relative: call it no loop where the target answers behind it', () => {
    const hops = [1, 2, 3, 2, 3, 2, 3, 2, 3].map((router, index) => ({ ...hop(router, 'both'), hop: index + 1 }));
    const record = buildRecord({ hops, targetPairs: targetPairs(9, 0, 9, 10), verdict: { outcome: 'inconclusive' } });
    expect(spoken(record)).not.toContain('routing loop');
  });

  it('do not ask whose hop n+1 is where it is the target', () => {
    const { nextHop } = droppedRecord().summary;
    const at = (hop: number): Partial<TraceRecord['summary']> => ({
      inDestinationNetwork: 'likely',
      nextHop: nextHop === null ? null : { ...nextHop, hop },
    });
    const record = dropped({ interval: { after: 6, upTo: 7, likelyUpTo: 7 } }, at(7));
    expect(verdictWords(record).headline).toBe(
      'PDM stops between hop 6 (r6.example.net, AS64510 Transit Ltd) and the target, or by the target itself.',
    );
    const before = dropped({ interval: { after: 5, upTo: 7, likelyUpTo: 6 } }, at(6));
    expect(verdictWords(before).headline).toContain('hop 6 is likely already in');
  });

  it('say why nothing was measured, once', () => {
    const reasons = ['www.example.com has IPv4 addresses only.'];
    expect(spoken(buildRecord({ verdict: { outcome: 'not-measured', reasons } }))).toBe(
      'Not measured: www.example.com has IPv4 addresses only.',
    );
  });

  it('let no control or bidirectional character of a name through, in any outcome', () => {
    for (const outcome of OUTCOMES) {
      const record = droppedRecord();
      const evil = 'evil\u001b[2J\u202egpj.exe\u0085';
      record.verdict.outcome = outcome;
      record.target.input = evil;
      record.target.asName = evil;
      record.verdict.reasons = [evil];
      record.verdict.refusal = { address: evil, hop: 4, type: 1, code: 1, pointer: null };
      record.verdict.pathsDiverge = 2;
      for (const entry of [record.summary.lastPdmHop, record.summary.lastPlainHop, record.summary.nextHop]) {
        if (entry !== null) Object.assign(entry, { name: evil, asName: evil });
      }
      for (const entry of record.hops) for (const one of entry.arms.plain.responders) one.name = evil;
      expect(spoken(record)).toMatch(/^[\x20-\x7e\n]*$/);
    }
  });
});

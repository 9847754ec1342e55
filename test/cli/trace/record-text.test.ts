import { describe, expect, it } from 'vitest';
import { recordText } from '../../../src/cli/trace/record-text.js';
import { createStyle } from '../../../src/cli/terminal/style.js';
import { displayWidth } from '../../../src/text/terminal-text.js';
import { renderTraceTable } from '../../../src/cli/trace/trace-table.js';
import {
  arm,
  buildRecord,
  deliveredRecord,
  droppedRecord,
  hop,
  responder,
  routerPlace,
  TARGET,
  targetPairs,
} from '../record-builder.js';

const PLAIN = createStyle(false, true);
const COLOURED = createStyle(true, true);

describe('the text of a record', () => {
  it('names who says that the target cannot be reached', () => {
    const target = targetPairs(0, 0, 10);
    target.arms.plain.responders = [
      { ...responder(routerPlace(4), 10, 6), icmp: [{ type: 1, code: 3, pointer: null, count: 10 }] },
    ];
    const record = buildRecord({ targetPairs: target });
    record.verdict.outcome = 'no-difference';
    expect(recordText(record, { columns: 200, style: PLAIN })).toContain(
      'r4.example.net, AS64510 Transit Ltd says of plain packets to the target: address unreachable (1/3).',
    );
  });

  it('is this for a drop on 80 columns', () => {
    expect(recordText(droppedRecord(), { columns: 80, style: PLAIN })).toBe(
      `www.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434

hop  plain           AS      loss rtt ms | PDM             AS      loss rtt ms
  1  r1.example.net  AS64500   0%    1.5 | r1.example.net  AS64500   0%    1.5
  2  r2.example.net  AS64500   0%    3.0 | r2.example.net  AS64500   0%    3.0
  3  r3.example.net  AS64500   0%    4.5 | r3.example.net  AS64500   0%    4.5
  4  r4.example.net  AS64510   0%    6.0 | r4.example.net  AS64510   0%    6.0
--------------------------------------------------- PDM seen up to here ------
  5  r5.example.net  AS64510   0%    7.5 | *                       100%
  6  r6.example.net  AS64510   0%    9.0 | *                       100%
dst  www.example.com AS64501   0%   12.3 | *                       100%

PDM stops between hop 4 (r4.example.net, AS64510 Transit Ltd) and the target, or
by the target itself, most likely before hop 5 (r5.example.net, AS64510 Transit
Ltd): hop 5 is not yet in www.example.com's network (AS64501 Example Corp).
Probes that the target answered: 0 of 12 with, 12 of 12 without; at most 44 % of
those with the option arrive (99.9 %). Confidence 99.97 %. Echo requests with
PDM stay unanswered too, so no filter on quoted options is what takes the
answers. Attribution by origin AS of the addresses (test data, 2025-01-01):
AS64510 Transit Ltd.

Company                 -
Start                   2001:db8::1 (here.example.org)
Destination             2001:db8:ffff::80 (www.example.com)
Last hop with PDM (n)   4  2001:db8:4::1 (r4.example.net)
Last hop without PDM    7  2001:db8:ffff::80 (www.example.com)
Next hop (n+1)          5  2001:db8:5::1 (r5.example.net)
In destination network  no
Outcome                 dropped (confidence 99.97 %)`,
    );
  });

  it('has addresses too on 120 columns, and colours where PDM is missing', () => {
    const lines = recordText(droppedRecord(), { columns: 120, style: COLOURED }).split('\n');
    expect(lines.slice(0, 9)).toEqual([
      '\u001b[1mwww.example.com (2001:db8:ffff::80), AS64501 Example Corp: udp to port 33434\u001b[22m',
      '',
      '\u001b[1mhop  plain                               AS      loss rtt ms | PDM                                 AS      loss rtt ms\u001b[22m',
      '  1  2001:db8:1::1 (r1.example.net)      AS64500   0%    1.5 | 2001:db8:1::1 (r1.example.net)      AS64500   0%    1.5',
      '  2  2001:db8:2::1 (r2.example.net)      AS64500   0%    3.0 | 2001:db8:2::1 (r2.example.net)      AS64500   0%    3.0',
      '  3  2001:db8:3::1 (r3.example.net)      AS64500   0%    4.5 | 2001:db8:3::1 (r3.example.net)      AS64500   0%    4.5',
      '  4  2001:db8:4::1 (r4.example.net)      AS64510   0%    6.0 | 2001:db8:4::1 (r4.example.net)      AS64510   0%    6.0',
      '\u001b[31m------------------------------------------------------------------------------------------- PDM seen up to here ------\u001b[39m',
      '  5  2001:db8:5::1 (r5.example.net)      AS64510   0%    7.5 | \u001b[31m*                                           100%\u001b[39m',
    ]);
    expect(lines.some((line) => line.startsWith('\u001b[31mPDM stops between hop 4'))).toBe(true);
  });

  it('puts the verdict in green where PDM arrives and in yellow where nothing is claimed', () => {
    expect(recordText(deliveredRecord(), { columns: null, style: COLOURED })).toContain('\u001b[32mPDM arrives');
    const doubtful = buildRecord({ verdict: { outcome: 'inconclusive', reasons: ['Too few answers.'] } });
    expect(recordText(doubtful, { columns: null, style: COLOURED })).toContain(
      '\u001b[33mNo verdict: Too few answers.',
    );
  });

  it('lists the other routers that may be hop n+1', () => {
    const record = droppedRecord();
    record.summary.nextHop!.candidates = [routerPlace(5), { ...routerPlace(6), name: null }];
    const text = recordText(record, { columns: null, style: PLAIN });
    expect(text).toContain(
      'Next hop (n+1)          5  2001:db8:5::1 (r5.example.net)\n  or                    2001:db8:6::1\nIn destination network  no',
    );
  });

  it('shows reasons as a list below the verdict', () => {
    const record = droppedRecord();
    record.verdict.reasons = ['The path changed once.', 'Hop 5 reports such packets.'];
    expect(recordText(record, { columns: 80, style: PLAIN })).toContain(
      'AS64510 Transit Ltd.\n  - The path changed once.\n  - Hop 5 reports such packets.\n\nCompany',
    );
  });
});

describe('the table of hops', () => {
  it('gives up AS numbers and then times on narrow terminals, and cuts names', () => {
    const narrow = renderTraceTable(droppedRecord(), { columns: 60, style: PLAIN, running: false });
    expect(narrow[0]).toBe('hop  plain          loss rtt ms | PDM            loss rtt ms');
    expect(narrow.at(-1)).toBe('dst  www.example.c…   0%   12.3 | *              100%');
    const narrower = renderTraceTable(droppedRecord(), { columns: 40, style: PLAIN, running: false });
    expect(narrower[0]).toBe('hop  plain       loss | PDM         loss');
    expect(narrower.at(-1)).toBe('dst  www.exampl…   0% | *           100%');
  });

  it('fits any width', () => {
    for (let columns = 4; columns < 160; columns += 1) {
      for (const line of renderTraceTable(droppedRecord(), { columns, style: PLAIN, running: false }))
        expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  it('has a line for each responder of a hop', () => {
    const forked = hop(2, 'both');
    forked.arms.plain = arm(4, responder(routerPlace(5), 1, 2), responder(routerPlace(2), 2, 3));
    const lines = renderTraceTable(buildRecord({ hops: [forked] }), { columns: 80, style: PLAIN, running: false });
    expect(lines.slice(1)).toEqual([
      '  2  r2.example.net AS64500  25%    3.0 | r2.example.net AS64500   0%    3.0',
      '     r5.example.net AS64510         2.0 |',
    ]);
  });

  it('draws silent hops together, but waits for them while the trace runs', () => {
    const record = buildRecord({
      hops: [hop(1, 'both'), hop(2, 'none'), hop(3, 'none'), hop(4, 'none'), hop(5, 'none')],
      targetPairs: targetPairs(0, 0, 10),
    });
    expect(renderTraceTable(record, { columns: 80, style: PLAIN, running: false }).slice(2)).toEqual([
      '2-5  no answer to either',
      'dst  *                      100%        | *                      100%',
    ]);
    expect(renderTraceTable(record, { columns: 80, style: PLAIN, running: true })).toHaveLength(7);
  });

  it('marks who says that there is no way to the target, and draws hop limits beyond it together', () => {
    const hops = [hop(1, 'both'), ...[2, 3, 4, 5].map((number) => hop(number, 'both'))];
    for (const { arms } of hops.slice(1))
      for (const one of [arms.plain, arms.pdm])
        one.responders = [
          { ...responder(routerPlace(2), 3, 3), icmp: [{ type: 1, code: 0, pointer: null, count: 3 }] },
        ];
    const lines = (running: boolean): string[] =>
      renderTraceTable(buildRecord({ hops }), { columns: 90, style: PLAIN, running }).slice(2);
    expect(lines(false)).toEqual([
      '  2  r2.example.net !N AS64500   0%    3.0 | r2.example.net !N AS64500   0%    3.0',
      '3-5  the same',
    ]);
    expect(lines(true)).toHaveLength(4);
    hops[4]!.arms.pdm.responders[0]!.icmp = [{ type: 3, code: 0, pointer: null, count: 3 }];
    expect(lines(false)).toHaveLength(4);
  });

  it("marks every other answer: a problem with the header, a packet too big, a port that is not the target's", () => {
    const saying = (address: typeof TARGET, icmp: { type: number; code: number; mtu?: number }[]) => {
      const place = hop(2, 'both');
      const counted = icmp.map((one) => ({ ...one, pointer: null, count: 1 }));
      for (const one of [place.arms.plain, place.arms.pdm])
        one.responders = [
          { ...responder(address, 3, 3), icmp: [{ type: 3, code: 0, pointer: null, count: 2 }, ...counted] },
        ];
      const [line] = renderTraceTable(buildRecord({ hops: [place] }), {
        columns: 120,
        style: PLAIN,
        running: false,
      }).slice(1);
      return line ?? '';
    };
    expect(saying(routerPlace(2), [{ type: 4, code: 2 }])).toContain('!P');
    expect(saying(routerPlace(2), [{ type: 2, code: 0, mtu: 1400 }])).toContain('!F-1400');
    expect(saying(routerPlace(2), [{ type: 1, code: 4 }])).toContain('!4');
    expect(
      saying(routerPlace(2), [
        { type: 1, code: 1 },
        { type: 1, code: 6 },
      ]),
    ).toContain('!X !6');
    expect(saying(TARGET, [{ type: 1, code: 4 }])).not.toContain('!');
  });

  it.each([
    [['stripped'], true],
    [['flow-label-rewritten', 'option-altered', 'option-data-altered'], true],
    [['inserted-routing', 'traffic-class-rewritten'], false],
  ])('marks who quotes %j: %s', (changes, isMarked) => {
    const place = hop(2, 'both');
    place.arms.pdm.responders = [{ ...responder(routerPlace(2), 3, 3), quotes: [{ intact: null, changes, count: 3 }] }];
    const [, line = ''] = renderTraceTable(buildRecord({ hops: [place] }), {
      columns: null,
      style: PLAIN,
      running: false,
    });
    const [plain, pdm] = line.split(' | ');
    expect([plain, pdm].map((text) => text?.includes('!C'))).toEqual([false, isMarked]);
  });

  it('leaves out hop limits beyond the target where nothing that it says counts for a distance', () => {
    const record = deliveredRecord();
    record.hops = record.hops.slice(0, 4);
    for (const number of [5, 6, 7, 8]) {
      const said = { ...responder(TARGET, 3, 12), icmp: [{ type: 1, code: 1, pointer: null, count: 3 }] };
      record.hops.push({ ...hop(number, 'none'), arms: { plain: arm(3), pdm: arm(3, said) } });
    }
    record.targetPairs = { ...targetPairs(0, 10, 10), distance: { plain: null, pdm: null } };
    const labels = renderTraceTable(record, { columns: null, style: PLAIN, running: false }).map((line) =>
      line.slice(0, 3).trim(),
    );
    expect(labels.slice(-3)).toEqual(['4', '5', 'dst']);
  });

  it('leaves out hop limits beyond the target that only the target answered', () => {
    const beyond = hop(8, 'both');
    beyond.arms.plain.responders[0]!.address = '2001:db8:ffff::80';
    beyond.arms.pdm.responders[0]!.address = '2001:db8:ffff::80';
    const record = buildRecord({ hops: [hop(1, 'both'), beyond, hop(9, 'both')], targetPairs: targetPairs(3, 3, 3) });
    const labels = renderTraceTable(record, { columns: 80, style: PLAIN, running: false }).map((line) =>
      line.slice(0, 3).trim(),
    );
    expect(labels).toEqual(['hop', '1', '9', 'dst']);
  });

  it('leaves them out by the distance of packets with the option where no others arrive', () => {
    const record = deliveredRecord();
    for (const number of [7, 8, 9]) record.hops.push({ ...hop(number, 'none'), hop: number });
    for (const place of record.hops.slice(6)) place.arms.pdm = arm(3, responder(TARGET, 3, 12));
    record.targetPairs = { ...targetPairs(0, 10, 10), distance: { plain: null, pdm: 7 } };
    const labels = renderTraceTable(record, { columns: null, style: PLAIN, running: false }).map((line) =>
      line.slice(0, 3).trim(),
    );
    expect(labels.slice(-3)).toEqual(['6', '7', 'dst']);
  });

  it('says a loop once', () => {
    const record = buildRecord({
      hops: Array.from({ length: 12 }, (_, index) => {
        const place = hop(index < 4 ? index + 1 : 5 + (index % 2), 'both');
        return { ...place, hop: index + 1 };
      }),
    });
    const lines = renderTraceTable(record, { columns: null, style: PLAIN, running: false });
    expect(lines.slice(5)).toEqual([
      expect.stringMatching(/^ {2}5 {2}\S+ \(r5\.example\.net/),
      expect.stringMatching(/^ {2}6 {2}\S+ \(r6\.example\.net/),
      '7-12  a loop: hops 5-6 again and again',
    ]);
    expect(renderTraceTable(record, { columns: null, style: PLAIN, running: true })).toHaveLength(13);
    expect(recordText(record, { columns: 200, style: PLAIN })).toContain(
      'A routing loop: the 2 routers at hops 5–6 answer again and again up to hop 12.',
    );
  });

  it('counts a refusal as no arrival at the target', () => {
    const record = droppedRecord();
    const target = record.targetPairs!;
    target.arms.pdm = arm(12, {
      ...responder(routerPlace(4), 12, 6),
      icmp: [{ type: 1, code: 1, pointer: null, count: 12 }],
    });
    const lines = renderTraceTable(record, { columns: null, style: PLAIN, running: false });
    expect(lines.at(-1)).toMatch(/^dst .* 0% .*!X.* 100% +6\.0$/);
  });

  it('shows times below a millisecond and leaves unknown ones empty', () => {
    const quick = hop(1, 'both');
    quick.arms.plain = arm(3, responder(routerPlace(1), 3, 0.04));
    quick.arms.pdm = arm(3, responder(routerPlace(1), 3, null));
    const [, line] = renderTraceTable(buildRecord({ hops: [quick] }), { columns: 80, style: PLAIN, running: false });
    expect(line).toBe('  1  r1.example.net AS64500   0%   0.04 | r1.example.net AS64500   0%');
  });
});

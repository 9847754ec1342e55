import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvLine, recordCsvLine, SUMMARY_CSV_COLUMNS, SUMMARY_CSV_HEADER } from '../../src/results/summary-csv.js';
import type { TraceRecord } from '../../src/record/record.js';
import { buildRecord, withNetworks } from './record-builder.js';

function cells(record: TraceRecord): Record<string, string> {
  const rows: Record<string, string>[] = parse(SUMMARY_CSV_HEADER + recordCsvLine(record), { columns: true });
  return rows[0] ?? {};
}

describe('the summary CSV', () => {
  it('has the columns that others rely on, in their order', () => {
    expect(SUMMARY_CSV_HEADER).toBe(
      'company,start_address,start_name,destination_address,destination_name,protocol,last_pdm_hop,last_pdm_name,' +
        'last_plain_hop,last_plain_name,next_hop,next_hop_name,next_hop_in_destination_network,outcome,confidence,' +
        'attribution_candidates,attribution_silent,attribution_unknown,inserted_headers\r\n',
    );
  });

  it('says of a drop where it is', () => {
    expect(cells(buildRecord({ number: 1 }))).toEqual({
      company: 'Company 1',
      start_address: '2001:db8:ffff::10',
      start_name: 'probe.example.net',
      destination_address: '2001:db8:1001::1',
      destination_name: 'www1.customer.example',
      protocol: 'udp',
      last_pdm_hop: '8',
      last_pdm_name: 'ae-8.r1.transit0.example.net',
      last_plain_hop: '19',
      last_plain_name: 'ae-19.r1.transit3.example.net',
      next_hop: '9',
      next_hop_name: 'ae-9.r1.transit1.example.net',
      next_hop_in_destination_network: 'no',
      outcome: 'dropped',
      confidence: '0.99976',
      attribution_candidates: '65002 65002',
      attribution_silent: '',
      attribution_unknown: 'no',
      inserted_headers: '',
    });
  });

  it('falls back to addresses where there are no names, and leaves unknown cells empty', () => {
    const record = buildRecord({ number: 1, outcome: 'delivered', company: null });
    record.source.name = null;
    record.target.name = null;
    if (record.summary.lastPdmHop !== null) record.summary.lastPdmHop.name = null;
    record.verdict.confidence = null;
    expect(cells(record)).toMatchObject({
      company: '',
      start_name: '2001:db8:ffff::10',
      destination_name: '2001:db8:1001::1',
      last_pdm_name: '2001:db8:13:1::1',
      next_hop: '',
      next_hop_name: '',
      next_hop_in_destination_network: '',
      confidence: '',
    });
  });

  it('keeps the number of a silent hop n+1, whose name is unknown', () => {
    expect(cells(buildRecord({ silentHops: [9] }))).toMatchObject({ next_hop: '9', next_hop_name: '' });
  });

  it('has all that the record leaves possible of whose network it is, and headers that the way put in', () => {
    expect(cells(withNetworks())).toMatchObject({
      attribution_candidates: '64500 64777 64501',
      attribution_silent: '5..6 9',
      attribution_unknown: 'yes',
      inserted_headers: 'hop-by-hop@2 routing@2 routing@4 routing@target',
    });
    expect(cells(buildRecord({ outcome: 'delivered' }))).toMatchObject({
      attribution_candidates: '',
      attribution_silent: '',
      attribution_unknown: '',
      inserted_headers: '',
    });
  });

  it('says what was asked for where no address was found', () => {
    const record = buildRecord({ number: 1, outcome: 'not-measured', input: 'nowhere.example' });
    record.target.address = null;
    record.target.name = null;
    expect(cells(record)).toMatchObject({ destination_address: '', destination_name: 'nowhere.example' });
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =1', '\n=1', '|cmd', '\uff1d1'])(
    'neutralises %j, which a spreadsheet would run',
    (text) => {
      const cell = cells(buildRecord({ company: text }))['company'];
      expect(cell).toBe(`'${text}`);
    },
  );

  it('is read back by a parser of other people, whatever is in a cell', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }), (texts) => {
        const rows: string[][] = parse(csvLine(texts), { bom: false, relax_column_count: true });
        const expected = texts.map((text, index) => (rows[0]?.[index] === `'${text}` ? `'${text}` : text));
        expect(rows).toEqual([expected]);
      }),
    );
  });

  it('has as many cells in each line as columns', () => {
    expect(Object.keys(cells(buildRecord()))).toEqual([...SUMMARY_CSV_COLUMNS]);
  });
});

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLAIMS, weigh } from '../../../src/trace/claims/claims.js';
import { ByHand } from '../by-hand.js';
import { routerAt } from '../fake-path.js';

const ORDER = [
  'unreachable',
  'rejected',
  'dropped',
  'bypassed',
  'impaired',
  'stripped',
  'altered',
  'delivered',
  'no-difference',
];

describe('the list of claims', () => {
  it("stands in METHOD's order", () => {
    expect(CLAIMS.map(({ name }) => name)).toEqual(ORDER);
  });

  it('has a source and a test of the name of each', () => {
    const sources = readdirSync(new URL('../../../src/trace/claims', import.meta.url));
    const tests = readdirSync(new URL('.', import.meta.url));
    for (const name of ORDER) {
      expect(sources).toContain(`${name}.ts`);
      expect(tests).toContain(`${name}.test.ts`);
    }
  });
});

describe('the verdict', () => {
  it('is the first claim that is proven with none open before it', () => {
    const { verdict, stands } = weigh(new ByHand().explored().target(11, 'arrives', 'arrives').case);
    expect(verdict?.outcome).toBe('delivered');
    expect(stands.at(-1)?.claim.name).toBe('delivered');
    expect(stands.every(({ standing }) => standing.is !== 'open')).toBe(true);
  });

  it('waits while a claim before it is open: a drop that may still be a rejection', () => {
    const refused = { from: routerAt(2), type: 1, code: 1 };
    const trace = new ByHand().explored(3).pairs(1, 3, 'expires', refused);
    trace.target(2, 'arrives', refused).target(11, 'arrives', null);
    const { verdict, stands } = weigh(trace.placebos(6, 'arrives').repeats(3, 2).case);
    expect(verdict).toBeNull();
    const open = stands.filter(({ standing }) => standing.is === 'open').map(({ claim }) => claim.name);
    expect(open).toContain('rejected');
    expect(open).toContain('dropped');
  });

  it('is none of a trace that knows nothing', () => {
    expect(weigh(new ByHand().case).verdict).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { closestName } from '../../src/config/closest-name.js';

describe('the closest name', () => {
  const known = ['--max-hops', '--no-explain', '--hop-interval', '--rate', 'timeout'];
  it.each([
    ['--max-hop', '--max-hops'],
    ['--MAX_HOPS', '--max-hops'],
    ['--no-explian', '--no-explain'],
    ['tiemout', 'timeout'],
    ['rat', '--rate'],
    ['--qqqqqq', null],
    ['', null],
    ['x'.repeat(100_000), null],
  ])('to %j is %j', (given, name) => {
    expect(closestName(given, known)).toBe(name);
  });
});

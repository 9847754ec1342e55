import { describe, expect, it } from 'vitest';
import { HeardResponders } from '../../../src/engine/shared/heard-responders.js';

const after = (...responders: string[]): HeardResponders => {
  const heard = new HeardResponders();
  for (const responder of responders) heard.hear(responder);
  return heard;
};

const SHARES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const drawn = (heard: HeardResponders): (string | null)[] => SHARES.map((share) => heard.likely(share));

describe('METHOD: Rhythm at a router: who probably answers at a hop limit', () => {
  it('is whoever answered first, until others did', () => {
    expect(after('a').likely(0.7)).toBe('a');
    expect(after('').likely(0.7)).toBeNull();
    expect(new HeardResponders().likely(0)).toBeNull();
  });

  it('is each of several members as often as it answers, the same one for the same trace', () => {
    const heard = after(...Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? 'a' : 'b')));
    expect(drawn(heard).filter((responder) => responder === 'a')).toHaveLength(4);
    expect(drawn(heard).filter((responder) => responder === 'b')).toHaveLength(6);
    expect(drawn(heard)).toEqual(drawn(heard));
  });

  it('is nobody where every trace meets another one', () => {
    const heard = after(...Array.from({ length: 500 }, (_, i) => `far ${i}`));
    expect(drawn(heard).every((responder) => responder === null)).toBe(true);
  });

  it('a relative: is nobody where a third meets one router, and all others each their own', () => {
    const heard = after(...Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? 'a' : `far ${i}`)));
    expect(drawn(heard).every((responder) => responder === null)).toBe(true);
  });

  it('is nobody as often as nobody answered', () => {
    const heard = after(...Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 'a' : '')));
    expect(drawn(heard).filter((responder) => responder === null)).toHaveLength(5);
  });

  it('is found again after the way has changed', () => {
    const heard = after(...Array.from({ length: 1000 }, () => 'a'), ...Array.from({ length: 150 }, () => 'b'));
    expect(drawn(heard).filter((responder) => responder === 'b').length).toBeGreaterThanOrEqual(7);
  });
});

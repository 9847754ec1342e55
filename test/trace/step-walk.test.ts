/**
 * The walk of a step, counted: every function that another room of `src/trace` exports is wrapped, and a stack tells who calls
 * whom. The rule is that a step makes the case once, walks over the rows for it and for its counts and asks each claim once,
 * however much there is to claim.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../src/record/record.js';
import type { FakePath, Outcome as Ended } from './fake-path.js';

const ROOT = path.resolve(import.meta.dirname, '../../src/trace');
const MACHINE = 'trace-machine.ts';

type Call = (...given: unknown[]) => unknown;
interface Entry {
  /** Rooms: folders of `src/trace`, and the files beside them. */
  readonly from: string;
  readonly to: string;
  readonly name: string;
}

const stack: string[] = [];
/** Of each step, who entered another room by which function, and each walk over rows, also of the room that owns it. */
const steps: Entry[][] = [];
let entries: Entry[] | null = null;

function wrapped(call: Call, to: string, name: string): Call {
  return new Proxy(call, {
    apply(target, self, given: unknown[]): unknown {
      const isStep = to === MACHINE && name === 'step';
      if (isStep) steps.push((entries = []));
      const from = stack.at(-1) ?? 'engine';
      if (from !== to || name === 'forEachPair') entries?.push({ from, to, name });
      stack.push(to);
      try {
        return Reflect.apply(target, self, given);
      } finally {
        stack.pop();
        if (isStep) entries = null;
      }
    },
  });
}

const isClass = (value: unknown): boolean => /^class\b/.test(String(value));

function wrapModule(exported: Readonly<Record<string, unknown>>, room: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(exported).map(([name, value]) => {
      if (typeof value === 'function' && !isClass(value)) return [name, wrapped(value as Call, room, name)];
      const stand = (value as { stand?: unknown } | null)?.stand;
      if (typeof stand !== 'function') return [name, value];
      // Asked by the list that stands in the same room: counted all the same.
      const asked = wrapped(stand as Call, room, name);
      return [
        name,
        {
          ...(value as object),
          stand: (...given: unknown[]) => {
            entries?.push({ from: 'the list', to: 'claim', name });
            return asked(...given);
          },
        },
      ];
    }),
  );
}

let runTrace: (path: FakePath) => Ended;
let networks: Record<string, { readonly path: FakePath; readonly outcome: Outcome }>;

beforeAll(async () => {
  for (const file of readdirSync(ROOT, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const folder = path.dirname(file);
    vi.doMock(path.join(ROOT, file), async (original) =>
      wrapModule(await original<Record<string, unknown>>(), folder === '.' ? file : folder),
    );
  }
  const fake = await import('./fake-path.js');
  const { quotedBy, strip, ECHO_LOST } = await import('./by-hand.js');
  runTrace = fake.runTrace;
  networks = {
    'delivers everything': { path: { protocol: 'icmp6', routers: 4 }, outcome: 'delivered' },
    'drops the option': {
      path: { protocol: 'udp', routers: 8, siblingEcho: ECHO_LOST, explain: true, differs: fake.dropsFrom(5) },
      outcome: 'dropped',
    },
    'refuses the option': {
      path: {
        protocol: 'icmp6',
        routers: 8,
        differs: ({ arm, hopLimit }) =>
          fake.isTreated(arm) && hopLimit >= 5 ? { from: fake.routerAt(5), type: 1, code: 1 } : undefined,
      },
      outcome: 'rejected',
    },
    'takes the option out': {
      path: {
        protocol: 'icmp6',
        routers: 8,
        differs: ({ arm, hopLimit }) =>
          fake.isTreated(arm) && hopLimit >= 5 && hopLimit <= 8 ? quotedBy(hopLimit, strip) : undefined,
      },
      outcome: 'stripped',
    },
  };
});

function stepsOf(name: string): Entry[][] {
  steps.length = 0;
  const { path: way, outcome } = networks[name]!;
  expect(runTrace(way).verdict.outcome).toBe(outcome);
  expect(steps.length).toBeGreaterThan(20);
  return steps;
}

const named = (step: readonly Entry[], name: string): number => step.filter((entry) => entry.name === name).length;

const NETWORKS = ['delivers everything', 'drops the option', 'refuses the option', 'takes the option out'];

describe.each(NETWORKS)('a step of a trace over a network that %s', (network) => {
  it('makes the case once', () => {
    for (const step of stepsOf(network)) expect(named(step, 'makeCase')).toBe(1);
  });

  it('walks over the rows twice, for the case and for its counts, and once more for each claim that reads quotes', () => {
    for (const step of stepsOf(network)) {
      const walks = step.filter(({ name }) => name === 'forEachPair').map(({ from }) => from);
      expect(walks.slice(0, 2)).toEqual(['case.ts', 'evidence']);
      const further = network === 'takes the option out' ? ['claims', 'claims'] : [];
      expect(further.slice(0, walks.length - 2)).toEqual(walks.slice(2));
    }
  });

  it('walks the list of claims once at most, and asks each of them once at most', () => {
    let most = 0;
    for (const step of stepsOf(network)) {
      expect(named(step, 'weigh')).toBeLessThanOrEqual(1);
      const asked = step.filter(({ to }) => to === 'claim').map(({ name }) => name);
      expect(asked).toEqual([...new Set(asked)]);
      most = Math.max(most, asked.length);
    }
    expect(most).toBe(9);
  });

  it('enters each room from its own lines once, but for what is read off the finished case', () => {
    for (const step of stepsOf(network)) {
      const own = step.filter(({ from }) => from === MACHINE).map(({ to, name }) => `${to} ${name}`);
      const counted = own.filter((entry) => entry !== 'evidence probeCap');
      expect(counted).toEqual([...new Set(counted)]);
      expect(own.length - counted.length).toBeLessThanOrEqual(2);
      for (const entry of counted) expect(MAY_ENTER).toContain(entry);
    }
  });
});

/** The whole of what a step calls itself: it was 51 calls into 16 files once. */
const MAY_ENTER = [
  'case.ts makeCase',
  'claims standOfPath',
  'claims weigh',
  'evidence looksLost',
  'evidence noteAsked',
  'explore.ts firstRoundIsOver',
  'explore.ts isAloneOver',
  'explore.ts aloneWishes',
  'explore.ts explorationWishes',
  'near-hops.ts nearHopsAreSettled',
  'told-to-others.ts tell',
  'write-verdict.ts writeVerdict',
];

/** The tool, with default flags and both protocols, in every network of the lab: what it says must be true there. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { OUTCOME_EXIT_CODES, type TraceRecord } from '../../src/record/record.js';
import { checkRecord, exitCodeOf, isLossy } from '../scenario/check-record.js';
import { readScenario, scenarioNames } from '../scenario/description.mjs';
import { cannotBuild } from './cannot-build.mjs';
import { createLab, type ExecResult } from './lab.mjs';
import type { Description } from '../scenario/description-types.js';
import type { Lab } from './lab-types.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROTOCOLS = ['udp', 'icmp6'] as const;
/** One packet in five lost costs more than two minutes of pairs. */
const TIME_LIMIT_MS = 280_000;

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: run "npm run build" before these tests`);
});

/** Runs the tool in the lab's source, by its own words or with the flags of every trace. */
function run(lab: Lab, argv: readonly string[], wrapper: readonly string[] = []): Promise<ExecResult> {
  return lab.exec('source', [...wrapper, process.execPath, MAIN, ...argv], { timeoutMs: TIME_LIMIT_MS });
}

interface Traced {
  readonly result: ExecResult;
  readonly records: readonly TraceRecord[];
}

async function traceIn(lab: Lab, target = lab.targetAddress): Promise<Traced> {
  const result = await run(lab, ['--json', '--no-dns', '--asn-db', lab.asnFile, target]);
  const records = result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceRecord);
  return { result, records };
}

function isUndecided({ verdict }: TraceRecord): boolean {
  return verdict.outcome === 'inconclusive';
}

const scenarios = scenarioNames().map((name) => readScenario(name));
const measured = scenarios.filter(
  (description) => description.source.route !== 'none' && cannotBuild(description).length === 0,
);
function rightAnswer({ truth }: Description): string {
  const [udp, icmp6] = PROTOCOLS.map((protocol) => truth.outcomes[protocol].join(' or '));
  return udp === icmp6 ? udp! : `udp ${udp!}, icmp6 ${icmp6!}`;
}

describe.concurrent('pdm-trace says what is true', { timeout: 300_000 }, () => {
  for (const description of measured) {
    it(`${rightAnswer(description)}: ${description.title} (${description.name})`, async () => {
      const lab = await createLab(description);
      try {
        let { result, records } = await traceIn(lab);
        // At 20 % loss 200 pairs decide nothing once in two hundred records; in two traces that is one in forty thousand.
        if (isLossy(description) && records.some(isUndecided)) ({ result, records } = await traceIn(lab));
        expect(records.map(({ protocol }) => protocol).sort(), result.stderr).toEqual(['icmp6', 'udp']);
        for (const record of records) checkRecord(record, description);
        expect(result.code).toBe(exitCodeOf(records));
      } finally {
        await lab.destroy();
      }
    });
  }
});

describe.concurrent('pdm-trace over loopback', () => {
  it('says delivered for an address of its own host', async () => {
    const lab = await createLab('delivered-8');
    try {
      const { result, records } = await traceIn(lab, lab.sourceAddress);
      expect(
        records.map(({ verdict }) => verdict.outcome),
        result.stderr,
      ).toEqual(['delivered', 'delivered']);
      expect(result.code).toBe(0);
    } finally {
      await lab.destroy();
    }
  });
});

describe.concurrent('pdm-trace that cannot measure says why in one line', () => {
  /** What people see: everything on stderr but the notices that a trace begins with. */
  function lastLine({ stderr }: ExecResult): string {
    expect(stderr).not.toMatch(/\n\s+at /);
    return stderr.trimEnd().split('\n').at(-1)!;
  }

  it('without a route to the target: unreachable, or exit code 69', async () => {
    const lab = await createLab('no-route');
    try {
      const { result, records } = await traceIn(lab);
      expect([OUTCOME_EXIT_CODES.unreachable, 69]).toContain(result.code);
      for (const { verdict } of records) expect(verdict.outcome).toBe('unreachable');
      const said = [lastLine(result), ...records.flatMap(({ verdict }) => verdict.reasons)].join(' ');
      expect(said).toMatch(/route|unreachable/i);
    } finally {
      await lab.destroy();
    }
  });

  for (const { what, wrapper, argv, code, says } of [
    {
      what: 'without CAP_NET_RAW: exit code 77 and the remedy',
      // Works in user namespaces too, where there is no second uid to change to.
      wrapper: ['setpriv', '--bounding-set=-all', '--inh-caps=-all'],
      argv: ['target.lab.example'],
      code: 77,
      says: /CAP_NET_RAW|setcap|root/i,
    },
    {
      what: 'for a name that does not exist: exit code 69 and the name',
      wrapper: [],
      argv: ['no-such-host.lab.example'],
      code: 69,
      says: /no-such-host\.lab\.example/,
    },
    {
      what: 'for a flag that does not exist: exit code 64 and the flag',
      wrapper: [],
      argv: ['--no-such-flag', 'target.lab.example'],
      code: 64,
      says: /no-such-flag/,
    },
    {
      what: 'for a hop limit out of range: exit code 64 and the range',
      wrapper: [],
      argv: ['--max-hops', '65', 'target.lab.example'],
      code: 64,
      says: /from 1 to 63/,
    },
  ]) {
    it(what, async () => {
      const lab = await createLab('delivered-8');
      try {
        const result = await run(lab, argv, wrapper);
        expect(result.code, result.stderr).toBe(code);
        expect(lastLine(result)).toMatch(says);
      } finally {
        await lab.destroy();
      }
    });
  }
});

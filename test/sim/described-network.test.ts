/** The simulator does what descriptions say, asserted with the probes with which the kernel's lab is: neither knows the tool. */
import { describe, expect, it } from 'vitest';

import { PROBE_CHECKS, TRAP_CHECKS, type SendProbes } from '../scenario/check-probes.js';
import type { Description } from '../scenario/description-types.js';
import { readScenario, scenarioNames } from '../scenario/description.mjs';
import { layOut } from '../scenario/layout.mjs';
import { decode, encode, type Reply } from '../scenario/probe.mjs';
import { formatText } from './address-text.js';
import { cannotBuild, networkOf } from './described-network.js';
import { Random } from './random.js';
import { SimulatedNetwork } from './simulated-network.js';
import { VirtualTime } from './virtual-time.js';

/** As in the lab: 2 ms apart, and 300 ms for answers. */
function senderIn(description: Description): SendProbes {
  const addressOf = (role: string): string => layOut(description).nodes.find((node) => node.role === role)!.address;
  const ends = { source: addressOf('source'), target: description.asked ?? addressOf('target') };
  return async (probes) => {
    const time = new VirtualTime();
    const replies: (Reply | null)[] = probes.map(() => null);
    const network = new SimulatedNetwork(networkOf(description, 1), time, new Random(1, 1), (octets) => {
      const decoded = decode(octets.subarray(40));
      if (decoded !== null) replies[decoded.number] ??= { from: formatText(octets.subarray(8, 24)), ...decoded.reply };
    });
    for (const [number, probe] of probes.entries()) {
      network.send(encode(ends, probe, number), time.nowNs());
      await time.advance(2e6);
    }
    await time.advance(300e6);
    expect(network.malformedProbes).toBe(0);
    return replies;
  };
}

const built = scenarioNames()
  .map((name) => readScenario(name))
  .filter((description) => cannotBuild(description).length === 0);

describe.each(PROBE_CHECKS)('$what', ({ concerns, check }) => {
  for (const description of built.filter(concerns))
    it(description.name, () => check(description, senderIn(description)));
});

describe('in traps', () => {
  for (const { what, name, check } of TRAP_CHECKS)
    it(`${what} (${name})`, () => {
      const description = readScenario(name);
      return check(description, senderIn(description));
    });
});

/** What `doctor` says of the first hops, where kernel routers lose the option or only seem to. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readScenario } from '../scenario/description.mjs';
import { createLab } from './lab.mjs';
import type { Description, NodeFeatures } from '../scenario/description-types.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TIME_LIMIT_MS = 60_000;
const DROP: NodeFeatures = { filters: [{ at: 'forward', match: 'pdm-option', action: 'drop' }] };
/** A burst of 6, then one error a second. */
const LIMITED: NodeFeatures = { icmp: { rateLimitMs: 1000, hostRoute: true } };
const SEEN = '5 of 5 packets with PDM, 5 of 5 without';
const LOST = '0 of 5 packets with PDM, 5 of 5 without';

/** The line about the first hops, of a network of three routers, or of fewer. */
async function firstHops(
  hops: Description['hops'],
  options: { readonly transport?: string; readonly routers?: number; readonly target?: NodeFeatures } = {},
): Promise<string> {
  const description = { ...readScenario('delivered-8'), routers: options.routers ?? 3, hops };
  const lab = await createLab({ ...description, target: options.target ?? {} });
  try {
    const argv = ['doctor', '--target', lab.targetAddress, '--transport', options.transport ?? 'native'];
    const { code, stdout, stderr } = await lab.exec('source', [process.execPath, MAIN, ...argv], {
      timeoutMs: TIME_LIMIT_MS,
    });
    expect(code, stdout + stderr).toBe(0);
    return stdout.split('\n').find((line) => line.includes('first hops')) ?? stdout;
  } finally {
    await lab.destroy();
  }
}

describe.concurrent('doctor', () => {
  it.each(['native', 'raw-socket'])(
    'says with %s that a forward filter on hop 1 loses the option',
    async (transport) => {
      const line = await firstHops({ 1: DROP }, { transport });
      expect(line).toMatch(new RegExp(`^warn first hops hop 1 .*${SEEN}; hop 2 .*${LOST}: hop 1 loses the option`));
    },
  );

  it.each(['native', 'raw-socket'])('finds nothing with %s where nothing is lost', async (transport) => {
    expect(await firstHops({}, { transport })).toMatch(new RegExp(`^ok +first hops hop 1 .*${SEEN}; hop 2 .*${SEEN}$`));
  });

  it('says the same of a filter before hop 2, which looks no different', async () => {
    const before: NodeFeatures = { filters: [{ at: 'prerouting', match: 'pdm-option', action: 'drop' }] };
    expect(await firstHops({ 2: before })).toMatch(
      new RegExp(`^warn .*${SEEN}; hop 2 .*${LOST}: hop 1 loses the option when it forwards, or hop 2 drops it, or`),
    );
  });

  it('sees at hop 3 that hop 2 loses the option when it forwards', async () => {
    expect(await firstHops({ 2: DROP })).toMatch(
      new RegExp(
        `^warn .*${SEEN}; hop 2 .*${SEEN}; hop 3 .*${LOST}: hop 2 loses the option when it forwards, or hop 3`,
      ),
    );
  });

  it('takes limits of one error a second for no loss, and sees the loss behind them', async () => {
    const [limited, both] = await Promise.all([
      firstHops({ 1: LIMITED, 2: LIMITED }),
      firstHops({ 1: { ...LIMITED, ...DROP }, 2: LIMITED }),
    ]);
    expect(limited).toMatch(/^ok .*[45] of 5 packets with PDM, [45] of 5 without; hop 2 .*[45] of 5 .*[45] of 5/);
    expect(both).toMatch(new RegExp(`^warn .*; hop 2 .*${LOST}: hop 1 loses the option`));
  });

  it('claims nothing beyond silent hops, and names no dropper where the last one reports plain packets alone', async () => {
    const [silent, choosy, passing] = await Promise.all([
      firstHops({ 2: { silent: 'all' }, 3: { silent: 'all' } }),
      firstHops({ 3: { silent: 'about-header' } }),
      firstHops({ 2: { silent: 'about-header' } }),
    ]);
    expect(silent).toContain(
      `${SEEN}; hop 2 does not answer; hop 3 does not answer: whether hop 1 lets the option on is not known`,
    );
    expect(choosy).toMatch(/^warn .*or hop 3 reports no packet with it;/);
    expect(passing).toMatch(/^ok .*: hop 2 lets the option on, though it reports no packet with it$/);
  });

  it('names a refuser, and takes the target for hop 2 where it is', async () => {
    const reject: NodeFeatures = {
      filters: [{ at: 'forward', match: 'pdm-option', action: 'reject-port-unreachable' }],
    };
    const [refused, near] = await Promise.all([
      firstHops({ 1: reject }, { routers: 1 }),
      firstHops({}, { routers: 1 }),
    ]);
    expect(refused).toMatch(/^warn .*:[0-9a-f:]+ refuses packets with PDM, port unreachable \(ICMPv6 1\/4\)/);
    expect(near).toMatch(
      new RegExp(`^ok .*${SEEN}; the target itself .* 10 of 10 packets with PDM, 10 of 10 without$`),
    );
  });
});

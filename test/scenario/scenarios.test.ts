/** The reader of descriptions, and where each described network runs. */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { cannotBuild as kernelCannot } from '../lab/cannot-build.mjs';
import { cannotBuild as simulatorCannot } from '../sim/described-network.js';
import { checkDescription, readScenario, scenarioNames, trapNames } from './description.mjs';

const README = new URL('../README.md', import.meta.url);
const [BEGIN, END] = ['<!-- where described networks run -->', '<!-- end of where described networks run -->'];
const names = [...scenarioNames(), ...trapNames()];
const where = names.map((name) => {
  const description = readScenario(name);
  return { name, kernel: kernelCannot(description), simulator: simulatorCannot(description) };
});

/** The part of the page that says which network runs where, and why not everywhere. */
function whereText(): string {
  const both = where.filter(({ kernel, simulator }) => kernel.length + simulator.length === 0);
  const rows = where
    .filter((each) => !both.includes(each))
    .map(({ name, kernel, simulator }) => {
      const [only, reasons] = kernel.length > 0 ? ['simulator', kernel] : ['kernel', simulator];
      return `| \`${name}\` | ${only} | ${reasons.join('; ')} |`;
    });
  return [
    `${both.length} of ${names.length} run in both: ${both.map(({ name }) => `\`${name}\``).join(', ')}.`,
    '',
    '| network | runs in the | because |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function withWhere(page: string): string {
  const [before, rest] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || rest < before) throw new Error(`test/README.md has no ${BEGIN} … ${END}`);
  return `${page.slice(0, before + BEGIN.length)}\n${whereText()}\n${page.slice(rest)}`;
}

describe('described networks', () => {
  it('have names of their own, traps and scenarios alike', () => {
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(where)('can be built by the kernel or by the simulator: $name', ({ kernel, simulator }) => {
    expect(Math.min(kernel.length, simulator.length), [...kernel, ...simulator].join('; ')).toBe(0);
  });

  it('run where test/README.md says (PDM_TRACE_WRITE_WHERE=1 renews it)', () => {
    const page = readFileSync(README, 'utf8');
    if (process.env['PDM_TRACE_WRITE_WHERE'] === '1') writeFileSync(README, withWhere(page));
    else expect(page).toBe(withWhere(page));
  });

  it('run in both for the most part: that is what they are for', () => {
    const both = where.filter(({ kernel, simulator }) => kernel.length + simulator.length === 0);
    expect(both.length).toBeGreaterThan(0.8 * names.length);
  });
});

const WELL = { title: 'X', routers: 2, truth: { outcomes: 'delivered' } };
const FILTER = { at: 'forward', match: 'destination-options', action: 'drop' };

function withFilter(filter: object): object {
  return { ...WELL, hops: { 1: { filters: [{ ...FILTER, ...filter }] } } };
}

describe('a description at fault is refused with the key', () => {
  it.each<[RegExp, object]>([
    [/hops\.1 has unknown key "filter"/, { ...WELL, hops: { 1: { filter: [] } } }],
    [/hops names hop 3 of 2/, { ...WELL, hops: { 3: {} } }],
    [/routers is 61; use 1 to 60/, { ...WELL, routers: 61 }],
    [/title is missing/, { ...WELL, title: undefined }],
    [/truth\.outcomes is missing/, { ...WELL, truth: {} }],
    [/truth\.outcomes has none for icmp6/, { ...WELL, truth: { outcomes: { udp: 'delivered' } } }],
    [/truth has unknown key "lostfrom"/, { ...WELL, truth: { outcomes: 'dropped', lostfrom: 3 } }],
    [/hops\.1\.filters has match "options"; use destination-options/, withFilter({ match: 'options' })],
    [/hops\.1\.filters has at "input"; this node has prerouting, forward/, withFilter({ at: 'input' })],
    [/hops\.1\.filters\.direction is "back"; use to-target, to-source/, withFilter({ direction: 'back' })],
    [/hops\.1\.filters\.percent is 0; use 1 to 100/, withFilter({ percent: 0 })],
    [/hops\.1\.filters\.spares has unknown key "rate"/, withFilter({ spares: { rate: 1 } })],
    [/hops\.1\.filters\.code is undefined; use 0 to 255/, withFilter({ action: 'reject', type: 4 })],
    [/hops\.1\.filters has a type, code or pointer/, withFilter({ pointer: 'option' })],
    [/inTargetsName belongs to an action that rejects/, withFilter({ inTargetsName: true })],
    [/hops\.1\.quotes\.as is "whole"; use stripped/, { ...WELL, hops: { 1: { quotes: { as: 'whole' } } } }],
    [/target has unknown key "route"/, { ...WELL, target: { route: 'none' } }],
    [/links\.1\.type is "tap"; use ethernet, tun/, { ...WELL, links: { 1: { type: 'tap' } } }],
    [/balance needs a hop with a router before/, { ...WELL, balance: { hop: 2, members: 2, hash: 'ports' } }],
    [/balance\.hash is "all"/, { ...WELL, routers: 3, balance: { hop: 2, members: 2, hash: 'all' } }],
    [/asked and target\.answersFor go together/, { ...WELL, asked: '2001:db8::1' }],
    [/or a hop with destinationNat/, { ...WELL, hops: { 1: { destinationNat: true } } }],
    [/hops\.1\.destinationNat is "no"; use true/, { ...WELL, asked: 'x', hops: { 1: { destinationNat: 'no' } } }],
    [/hops\.1\.filters answers packets to the target, at prerouting/, withFilter({ action: 'answer' })],
    [/target\.udpService is "dns"; use echoes/, { ...WELL, target: { udpService: 'dns' } }],
    [/target\.networks is 1; use 2 to 80/, { ...WELL, target: { networks: 1 } }],
    [/truth\.inserted has unknown key "at"/, { ...WELL, truth: { outcomes: 'delivered', inserted: { at: 3 } } }],
    [/truth\.runSays and target\.networks go together/, { ...WELL, target: { networks: 5 } }],
  ])('%s', (message, raw) => {
    expect(() => checkDescription('x', raw)).toThrow(message);
  });

  it('and one at the path of no file, by its name', () => {
    expect(() => readScenario('no-such-network')).toThrow(/there is no such scenario/);
  });
});

describe('the builders say what they cannot build', () => {
  it.each<[string, object, readonly RegExp[], readonly RegExp[]]>([
    ['nothing', {}, [], []],
    ['a stripped header', withFilter({ action: 'strip-header' }), [/hop1: nft takes no header/], []],
    ['a pointer', withFilter({ action: 'reject', type: 4, code: 2, pointer: 'option' }), [/hop1: nft refuses/], []],
    ['quotes of what did not happen', { hops: { 1: { quotes: { as: 'stripped' } } } }, [/hop1: Linux quotes/], []],
    ['nft tables', { hops: { 1: { nft: 'table ip6 x {}' } } }, [], [/hop1: nft tables/]],
    ['ip commands', { target: { ip: ['route show'] } }, [], [/target: ip commands/]],
    ['sysctls', { everyRouter: { sysctl: { 'net.x': 1 } } }, [], [/hop1: sysctls/, /hop2: sysctls/]],
    ['small links', { links: { 2: { mtu: 1280 } } }, [], [/link 2: links take packets of any size/]],
    ['TUN links', { links: { 1: { type: 'tun' } } }, [], [/link 1: links have no type/]],
    ['links without addresses', { source: { unnumbered: true } }, [], [/source: links have no addresses/]],
    ['refused replies', withFilter({ match: 'everything', action: 'reject-no-route' }), [], [/hop1: replies are only/]],
    ['replies by header', withFilter({ direction: 'to-source' }), [], [/hop1: replies are not told apart/]],
    [
      'other sends refused',
      { source: { filters: [{ ...FILTER, at: 'output', match: 'everything' }] } },
      [],
      [/source/],
    ],
    ['two limits', { hops: { 1: { icmp: { rateLimitMs: 1, messagesPerSecond: 1 } } } }, [], [/hop1: a node has one/]],
    ['a target of few words', { target: { silent: 'about-header' } }, [], [/target: a target is silent/]],
  ])('%s', (_, part, kernel, simulator) => {
    const description = checkDescription('x', { ...WELL, ...part });
    expect(kernelCannot(description)).toEqual(kernel.map((text) => expect.stringMatching(text) as string));
    expect(simulatorCannot(description)).toEqual(simulator.map((text) => expect.stringMatching(text) as string));
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/address/address.js';
import {
  createNameResolver,
  reverseName,
  type NameResolver,
  type NameResolverOptions,
} from '../../../src/annotate/names/names.js';
import { startDnsServer, type Answer, type DnsServer, type Question, type Reply } from './dns-server.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
let hostsFile: string;
const servers: DnsServer[] = [];
const resolvers: NameResolver[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'names-'));
  hostsFile = join(directory, 'hosts');
  writeFileSync(hostsFile, '');
});

afterEach(async () => {
  for (const resolver of resolvers.splice(0)) resolver.close();
  for (const server of servers.splice(0)) await server.close();
  rmSync(directory, { recursive: true });
});

async function serve(answer: (question: Question) => Reply | Promise<Reply>, delayMs?: number): Promise<DnsServer> {
  const server = await startDnsServer(answer, delayMs);
  servers.push(server);
  return server;
}

function resolverFor(options: NameResolverOptions): NameResolver {
  const resolver = createNameResolver({ hostsFile, attemptTimeoutMs: 8000, totalTimeoutMs: 10_000, ...options });
  resolvers.push(resolver);
  return resolver;
}

function octets(text: string): Uint8Array {
  return parseAddress(text)!.octets;
}

function texts(addresses: readonly Uint8Array[]): string[] {
  return addresses.map((address) => formatAddress(address));
}

const ptr = (name: string | readonly Uint8Array[]): Answer => ({ type: 'PTR', name });
const aaaa = (text: string, owner?: string): Answer => ({
  type: 'AAAA',
  octets: octets(text),
  ...(owner === undefined ? {} : { owner }),
});
const cname = (name: string, owner?: string): Answer => ({
  type: 'CNAME',
  name,
  ...(owner === undefined ? {} : { owner }),
});
const a = (...four: number[]): Answer => ({ type: 'A', octets: Uint8Array.from(four) });

describe('reverse names', () => {
  it('asks for the nibbles under ip6.arpa and takes the PTR name without its trailing dot', async () => {
    const server = await serve(() => [ptr('core1.example.net')]);
    expect(await resolverFor({ server: server.address }).reverse(octets('2001:db8::1'))).toBe('core1.example.net');
    const name = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
    expect(server.questions).toEqual([`${name} PTR`]);
    expect(reverseName(octets('2001:db8::1'))).toBe(name);
  });

  it('takes the same name of several whatever their order', async () => {
    let turn = 0;
    const server = await serve(() =>
      turn++ % 2 === 0 ? [ptr('b.example'), ptr('a.example')] : [ptr('a.example'), ptr('b.example')],
    );
    for (let run = 0; run < 2; run += 1)
      expect(await resolverFor({ server: server.address }).reverse(octets('2001:db8::2'))).toBe('a.example');
  });

  it('asks once for an address that has no name, and remembers', async () => {
    const server = await serve(() => 'nothing');
    const resolver = resolverFor({ server: server.address });
    expect(await resolver.reverse(octets('2001:db8::3'))).toBeNull();
    expect(await resolver.reverse(octets('2001:db8::3'))).toBeNull();
    expect(server.questions).toHaveLength(1);
  });

  it('shares one question between callers that ask at the same time', async () => {
    const server = await serve(() => [ptr('one.example')], 30);
    const resolver = resolverFor({ server: server.address });
    const all = await Promise.all(Array.from({ length: 50 }, () => resolver.reverse(octets('2001:db8::4'))));
    expect(new Set(all)).toEqual(new Set(['one.example']));
    expect(server.questions).toHaveLength(1);
  });

  it('asks again once an entry is too old', async () => {
    let now = 0;
    const server = await serve(() => [ptr(`at-${now}.example`)]);
    const resolver = resolverFor({ server: server.address, nowMs: () => now });
    expect(await resolver.reverse(octets('2001:db8::5'))).toBe('at-0.example');
    now = 3_600_000;
    expect(await resolver.reverse(octets('2001:db8::5'))).toBe('at-3600000.example');
  });

  it('never asks more questions at the same time than allowed', async () => {
    let open = 0;
    let most = 0;
    const server = await serve(async () => {
      most = Math.max(most, (open += 1));
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      return [ptr('x.example')];
    });
    const resolver = resolverFor({ server: server.address, concurrency: 3 });
    const addresses = Array.from({ length: 20 }, (_, index) => octets(`2001:db8::${index.toString(16)}`));
    expect(await Promise.all(addresses.map((address) => resolver.reverse(address)))).toEqual(
      Array(20).fill('x.example'),
    );
    expect(most).toBeLessThanOrEqual(3);
    expect(resolver.stats().widest).toBe(3);
  });

  it('keeps no more entries than the cache holds', async () => {
    const server = await serve(() => [ptr('x.example')]);
    const resolver = resolverFor({ server: server.address, cacheSize: 4 });
    for (let index = 0; index < 12; index += 1) await resolver.reverse(octets(`2001:db8::${index.toString(16)}`));
    expect(resolver.stats().cached).toBe(4);
  });

  it('gives up a server that does not answer, and does not ask it for the same again at once', async () => {
    const server = await serve(() => 'silence');
    const resolver = resolverFor({ server: server.address, attemptTimeoutMs: 200 });
    expect(await resolver.reverse(octets('2001:db8::6'))).toBeNull();
    expect(resolver.stats().timeouts).toBe(1);
    const asked = server.questions.length;
    expect(await resolver.reverse(octets('2001:db8::6'))).toBeNull();
    expect(server.questions).toHaveLength(asked);
  });

  it('ends every call of a long queue in front of a silent server', async () => {
    const server = await serve(() => 'silence');
    const resolver = resolverFor({
      server: server.address,
      concurrency: 2,
      attemptTimeoutMs: 100,
      totalTimeoutMs: 300,
    });
    const addresses = Array.from({ length: 100 }, (_, index) => octets(`2001:db8::${index.toString(16)}`));
    expect(await Promise.all(addresses.map((address) => resolver.reverse(address)))).toEqual(Array(100).fill(null));
    // Those whose time was over in the queue were never asked.
    expect(resolver.stats().queries).toBeLessThan(20);
  });

  it('takes names from the hosts file, also with a server of its own', async () => {
    writeFileSync(hostsFile, '# comment\n2001:0db8::7 router7.lab r7 # alias\nfe80::1%eth0 gateway\nnonsense\n');
    const server = await serve(() => [ptr('from-dns.example')]);
    const resolver = resolverFor({ server: server.address });
    expect(await resolver.reverse(octets('2001:db8::7'))).toBe('router7.lab');
    expect(await resolver.reverse(octets('fe80::1'))).toBe('gateway');
    expect(server.questions).toEqual([]);
  });

  it('reads the hosts file again when it changed', async () => {
    let now = 0;
    const server = await serve(() => 'nothing');
    const resolver = resolverFor({ server: server.address, nowMs: () => now });
    expect(await resolver.reverse(octets('2001:db8::8'))).toBeNull();
    writeFileSync(hostsFile, '2001:db8::8 new.lab\n');
    now = 60_000;
    expect(await resolver.reverse(octets('2001:db8::8'))).toBe('new.lab');
  });

  it('does without a hosts file', async () => {
    const server = await serve(() => [ptr('core.example')]);
    const resolver = resolverFor({ server: server.address, hostsFile: join(directory, 'none') });
    expect(await resolver.reverse(octets('2001:db8::9'))).toBe('core.example');
  });

  it('gives back nothing after it was closed, and does not hang on what was under way', async () => {
    const server = await serve(() => 'silence');
    const resolver = resolverFor({ server: server.address, attemptTimeoutMs: 60_000, totalTimeoutMs: 60_000 });
    const underWay = resolver.reverse(octets('2001:db8::a'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    resolver.close();
    expect(await underWay).toBeNull();
    expect(await resolver.reverse(octets('2001:db8::b'))).toBeNull();
    expect((await resolver.resolveTarget('www.example')).error?.code).toBe('lookup-failed');
  });

  it('refuses a server that is not an address, with a remedy', () => {
    expect(() => resolverFor({ server: 'dns.example' })).toThrow(
      /resolver: "dns\.example" is not an address; give one such as/,
    );
    expect(() => resolverFor({ server: '' })).toThrow(expect.objectContaining({ code: 'resolver-address' }));
  });
});

describe('hostile reverse names', () => {
  const example = Buffer.from('example');
  const hostile: [string, readonly Uint8Array[], string | null][] = [
    ['an escape sequence', [Buffer.from('\x1b[2J\x1b]0;owned\x07'), example], '\\027[2J\\027]0\\;owned\\007.example'],
    ['a line break', [Buffer.from('a\r\nb'), example], 'a\\013\\010b.example'],
    ['a right-to-left override', [Buffer.from('abc\u202egnp'), example], 'abc\\226\\128\\174gnp.example'],
    ['a NUL', [Buffer.from('a\0b'), example], 'a\\000b.example'],
    ['C1 controls', [Buffer.from([0x9b, 0x32, 0x4a]), example], '\\1552J.example'],
    ['a space', [Buffer.from('a b'), example], 'a\\032b.example'],
    ['dots within a label', [Buffer.from('a.b'), example], 'a\\.b.example'],
    ['markup', [Buffer.from('<script>'), example], '<script>.example'],
    ['a name far too long once escaped', Array.from({ length: 3 }, () => Buffer.alloc(63, 0xff)), null],
    ['an IPv4 address', ['192', '0', '2', '1'].map((label) => Buffer.from(label)), null],
    ['an IPv6 address', [Buffer.from('2001:db8::bad')], null],
    ['the root', [], null],
  ];
  it.each(hostile)('lets %s through in harmless form or not at all', async (_, labels, shown) => {
    const server = await serve(() => [ptr(labels)]);
    expect(await resolverFor({ server: server.address }).reverse(octets('2001:db8::1'))).toBe(shown);
  });

  const broken: [string, (query: Buffer) => Uint8Array][] = [
    [
      'a compression pointer to itself',
      (query) => {
        const head = Buffer.from(query);
        head.writeUInt16BE(0x8180, 2);
        head.writeUInt16BE(1, 6);
        const at = head.length;
        return Buffer.concat([
          head,
          Buffer.from([
            0xc0 | (at >> 8),
            at & 255,
            0,
            12,
            0,
            1,
            0,
            0,
            0,
            9,
            0,
            2,
            0xc0 | ((at + 12) >> 8),
            (at + 12) & 255,
          ]),
        ]);
      },
    ],
    [
      'a name that runs out of the packet',
      (query) => {
        const head = Buffer.from(query);
        head.writeUInt16BE(0x8180, 2);
        head.writeUInt16BE(1, 6);
        return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 9, 0, 60, 63, 65])]);
      },
    ],
    [
      '65,535 answers that are not there',
      (query) => {
        const head = Buffer.from(query);
        head.writeUInt16BE(0x8180, 2);
        head.writeUInt16BE(0xffff, 6);
        return head;
      },
    ],
    ['three octets', () => Uint8Array.of(1, 2, 3)],
    ['the question sent back as it is', (query) => query],
  ];
  it.each(broken)('takes %s for no name', async (_, raw) => {
    const server = await serve(() => ({ raw }));
    expect(
      await resolverFor({ server: server.address, attemptTimeoutMs: 150 }).reverse(octets('2001:db8::1')),
    ).toBeNull();
  });
});

describe('resolving a target', () => {
  it('takes literal addresses without asking anybody, with zone and brackets', async () => {
    const server = await serve(() => 'nothing');
    const resolver = resolverFor({ server: server.address });
    const zoned = await resolver.resolveTarget('fe80::1%eth0');
    expect({ ...zoned, addresses: texts(zoned.addresses) }).toEqual({
      addresses: ['fe80::1'],
      zone: 'eth0',
      aliases: [],
      ipv4Only: false,
      error: null,
    });
    expect(texts((await resolver.resolveTarget('[2001:DB8::0:1]')).addresses)).toEqual(['2001:db8::1']);
    expect(server.questions).toEqual([]);
  });

  it('gives all AAAA records once each, and the CNAME chain that leads to them', async () => {
    const chain: Record<string, string> = {
      'www.example': 'edge.cdn.example',
      'edge.cdn.example': 'node7.cdn.example',
    };
    const server = await serve(({ name, type }) => {
      if (type === 'AAAA')
        return [
          cname('edge.cdn.example', 'www.example'),
          cname('node7.cdn.example', 'edge.cdn.example'),
          aaaa('2001:db8::80', 'node7.cdn.example'),
          aaaa('2001:db8::81', 'node7.cdn.example'),
          aaaa('2001:db8::80', 'node7.cdn.example'),
        ];
      return type === 'CNAME' && chain[name] !== undefined ? [cname(chain[name])] : [];
    });
    const found = await resolverFor({ server: server.address }).resolveTarget('WWW.example.');
    expect(texts(found.addresses)).toEqual(['2001:db8::80', '2001:db8::81']);
    expect(found.aliases).toEqual(['edge.cdn.example', 'node7.cdn.example']);
    expect(found.error).toBeNull();
  });

  it('follows a CNAME loop once around and no further', async () => {
    const server = await serve(({ name, type }) => {
      if (type === 'AAAA') return [aaaa('2001:db8::80')];
      return type === 'CNAME' ? [cname(name === 'a.example' ? 'b.example' : 'a.example')] : [];
    });
    expect((await resolverFor({ server: server.address }).resolveTarget('a.example')).aliases).toEqual(['b.example']);
    expect(server.questions.filter((question) => question.endsWith('CNAME'))).toHaveLength(2);
  });

  it('stops following a chain that has no end', async () => {
    let next = 0;
    const server = await serve(({ type }) =>
      type === 'AAAA' ? [aaaa('2001:db8::80')] : [cname(`hop${++next}.example`)],
    );
    expect((await resolverFor({ server: server.address }).resolveTarget('start.example')).aliases).toHaveLength(8);
  });

  it('gives the address even where the chain cannot be learnt in time', async () => {
    const server = await serve(({ type }) => (type === 'AAAA' ? [aaaa('2001:db8::80')] : 'silence'));
    const found = await resolverFor({ server: server.address, attemptTimeoutMs: 1000 }).resolveTarget('slow.example');
    expect(texts(found.addresses)).toEqual(['2001:db8::80']);
    expect(found.aliases).toEqual([]);
  });

  it('says that a name has IPv4 addresses only', async () => {
    const server = await serve(({ type }) => (type === 'A' ? [a(192, 0, 2, 1)] : []));
    const found = await resolverFor({ server: server.address }).resolveTarget('old.example');
    expect(found).toMatchObject({ addresses: [], ipv4Only: true, error: { code: 'ipv4-only' } });
    expect(found.error?.message).toBe(
      '"old.example" has IPv4 addresses only and PDM is an IPv6 option; give a name with an AAAA record or an IPv6 address',
    );
    expect(await resolverFor({ server: server.address }).resolveTarget('192.0.2.1')).toMatchObject({ ipv4Only: true });
  });

  it('says that a NAT64 is all that leads to a name, by the prefix that the name server itself uses', async () => {
    const server = await serve(({ name, type }) => {
      if (type !== 'AAAA') return [];
      if (name === 'ipv4only.arpa') return [aaaa('2001:db8:64::c000:aa'), aaaa('2001:db8:64::c000:ab')];
      return name === 'native.example' ? [aaaa('2001:db8:9::c633:6407')] : [aaaa('2001:db8:64::c633:6407')];
    });
    const resolver = resolverFor({ server: server.address });
    const found = await resolver.resolveTarget('old.example');
    expect(found).toMatchObject({ addresses: [], ipv4Only: true, error: { code: 'ipv4-only' } });
    expect(found.error?.message).toBe(
      '"old.example" has IPv4 addresses only: 2001:db8:64::c633:6407 leads through a NAT64, and the option cannot pass a NAT64; give a name with an AAAA record or an IPv6 address',
    );
    expect(texts((await resolver.resolveTarget('native.example')).addresses)).toEqual(['2001:db8:9::c633:6407']);
    expect(server.questions.filter((question) => question === 'ipv4only.arpa AAAA')).toHaveLength(1);
  });

  it('goes on where the prefix cannot be learnt, and asks for none where no IPv4 address can be meant', async () => {
    const server = await serve(({ name, type }) =>
      type !== 'AAAA'
        ? []
        : name === 'ipv4only.arpa'
          ? 'refused'
          : [aaaa(name === 'plain.example' ? '2001:db8::80' : '2001:db8:64::c633:6407')],
    );
    const resolver = resolverFor({ server: server.address });
    expect(texts((await resolver.resolveTarget('plain.example')).addresses)).toEqual(['2001:db8::80']);
    expect(server.questions).not.toContain('ipv4only.arpa AAAA');
    expect(texts((await resolver.resolveTarget('old.example')).addresses)).toEqual(['2001:db8:64::c633:6407']);
    expect(server.questions).toContain('ipv4only.arpa AAAA');
  });

  it('says that there is no such name', async () => {
    const server = await serve(() => 'nothing');
    const found = await resolverFor({ server: server.address }).resolveTarget('nowhere.example');
    expect(found).toMatchObject({ addresses: [], ipv4Only: false, error: { code: 'no-such-name' } });
    expect(found.error?.message).toContain('cannot look up "nowhere.example": no such name; check the spelling');
  });

  it('tells a silent name server and a failing one from a name that does not exist', async () => {
    const silent = await serve(() => 'silence');
    const refusing = await serve(() => 'refused');
    const timedOut = await resolverFor({ server: silent.address, attemptTimeoutMs: 200 }).resolveTarget('www.example');
    expect(timedOut.error?.code).toBe('lookup-timeout');
    expect(timedOut.error?.message).toContain('check --resolver');
    expect((await resolverFor({ server: refusing.address }).resolveTarget('www.example')).error?.code).toBe(
      'lookup-failed',
    );
  });

  it('takes addresses from the hosts file before any server, and goes on to the server where it has IPv4 only', async () => {
    writeFileSync(hostsFile, '2001:db8::1 Target.lab\n2001:db8::2 target.lab\n192.0.2.1 dual.lab four.lab\n');
    const server = await serve(({ name, type }) =>
      name === 'dual.lab' && type === 'AAAA' ? [aaaa('2001:db8::d')] : 'nothing',
    );
    const resolver = resolverFor({ server: server.address });
    expect(texts((await resolver.resolveTarget('target.LAB')).addresses)).toEqual(['2001:db8::1', '2001:db8::2']);
    expect(server.questions).toEqual([]);
    expect(texts((await resolver.resolveTarget('dual.lab')).addresses)).toEqual(['2001:db8::d']);
    expect(await resolver.resolveTarget('four.lab')).toMatchObject({ ipv4Only: true, error: { code: 'ipv4-only' } });
  });

  it('asks the system for AAAA first and for A only to say that a name is IPv4 only', async () => {
    const asked: string[] = [];
    const systemLookup = (name: string, family: 4 | 6): Promise<string[]> => {
      asked.push(`${name} ${family}`);
      if (name === 'six' && family === 6) return Promise.resolve(['2001:db8::6']);
      if (name === 'four' && family === 4) return Promise.resolve(['192.0.2.4']);
      return Promise.reject(Object.assign(new Error('none'), { code: name === 'busy' ? 'EAI_AGAIN' : 'ENOTFOUND' }));
    };
    const resolver = resolverFor({ systemLookup });
    expect(texts((await resolver.resolveTarget('six')).addresses)).toEqual(['2001:db8::6']);
    expect((await resolver.resolveTarget('four')).ipv4Only).toBe(true);
    expect((await resolver.resolveTarget('none')).error?.code).toBe('no-such-name');
    const failed = await resolver.resolveTarget('busy');
    expect(failed.error?.code).toBe('lookup-failed');
    expect(failed.error?.message).toContain('(EAI_AGAIN); check /etc/resolv.conf');
    expect(asked).toEqual(['six 6', 'four 6', 'four 4', 'none 6', 'none 4', 'busy 6']);
  });

  it('knows localhost from the system itself', async () => {
    const found = await createNameResolver().resolveTarget('localhost');
    expect(found.error === null ? texts(found.addresses) : found.error.code).toEqual(
      found.error === null ? ['::1'] : 'ipv4-only',
    );
  });

  it.each([
    '',
    ' ',
    'a b',
    'exa\x1b[31mmple',
    '-'.repeat(64),
    'x.'.repeat(200),
    'http://example.com/',
    'a..b',
    '2001:db8::zz',
  ])('refuses %j without asking anybody', async (name) => {
    const server = await serve(() => 'nothing');
    const found = await resolverFor({ server: server.address }).resolveTarget(name);
    expect(found.error?.code).toBe('bad-name');
    expect(found.error?.message).toMatch(/^[\x20-\x7e]+$/);
    expect(server.questions).toEqual([]);
  });

  it('asks for international names in their ASCII form', async () => {
    const server = await serve(({ type }) => (type === 'AAAA' ? [aaaa('2001:db8::1')] : []));
    await resolverFor({ server: server.address }).resolveTarget('Bücher.example');
    expect(server.questions).toContain('xn--bcher-kva.example AAAA');
  });

  it('sanitises the names of a chain', async () => {
    const server = await serve(({ type }) =>
      type === 'AAAA'
        ? [aaaa('2001:db8::1')]
        : [{ type: 'CNAME', name: [Buffer.from('e\x1b[0mvil'), Buffer.from('example')] }],
    );
    const { aliases } = await resolverFor({ server: server.address }).resolveTarget('x.example');
    for (const alias of aliases) expect(alias).toMatch(/^[\x21-\x7e]+$/);
  });

  it('asks once for a name that many want, now and shortly after', async () => {
    const server = await serve(({ type }) => (type === 'AAAA' ? [aaaa('2001:db8::1')] : []), 20);
    const resolver = resolverFor({ server: server.address });
    await Promise.all(Array.from({ length: 10 }, () => resolver.resolveTarget('busy.example')));
    await resolver.resolveTarget('busy.example');
    expect(server.questions.filter((question) => question.endsWith('AAAA'))).toHaveLength(1);
  });
});

describe('names of a list', () => {
  const noSystem = { systemLookup: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) };

  it('are all found however long the queue before them is', async () => {
    const server = await serve(({ type }) => (type === 'AAAA' ? [aaaa('2001:db8::1')] : []), 40);
    const resolver = resolverFor({ server: server.address, forList: true, concurrency: 1, totalTimeoutMs: 1000 });
    // Forty in a row take longer than any of them may.
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => resolver.resolveTarget(`n${i}.example`)));
    expect(all.map(({ error }) => error)).toEqual(Array.from({ length: 40 }, () => null));
  });

  it('are asked of the name server itself, so that the four threads of the system have nothing to do with it', async () => {
    const server = await serve(({ type }) => (type === 'AAAA' ? [aaaa('2001:db8::7')] : []));
    const systemLookup = vi.fn(noSystem.systemLookup);
    const resolver = resolverFor({ systemServer: server.address, forList: true, systemLookup });
    expect(texts((await resolver.resolveTarget('www.example')).addresses)).toEqual(['2001:db8::7']);
    expect(systemLookup).not.toHaveBeenCalled();
  });

  it('that the server does not know may be known to the system, and a silent server is not asked twice', async () => {
    const server = await serve(({ name }) => (name === 'dead.example' ? 'silence' : 'nothing'));
    const systemLookup = vi.fn(() => Promise.resolve(['2001:db8::9']));
    const resolver = resolverFor({ systemServer: server.address, forList: true, systemLookup, attemptTimeoutMs: 300 });
    expect(texts((await resolver.resolveTarget('printer.local')).addresses)).toEqual(['2001:db8::9']);
    expect((await resolver.resolveTarget('dead.example')).error?.code).toBe('lookup-timeout');
    expect(systemLookup.mock.calls).toEqual([['printer.local', 6]]);
  });

  it('that nobody knows do not exist, and those with IPv4 addresses alone are said to be so', async () => {
    const a: Answer = { type: 'A', octets: Uint8Array.of(192, 0, 2, 1) };
    const server = await serve(({ name, type }) => (name === 'none.example' ? 'nothing' : type === 'A' ? [a] : []));
    const resolver = resolverFor({ systemServer: server.address, forList: true, ...noSystem });
    expect((await resolver.resolveTarget('none.example')).error?.code).toBe('no-such-name');
    expect((await resolver.resolveTarget('old.example')).error?.code).toBe('ipv4-only');
  });
});

/** The rooms and which way their imports point. `npm run check` enforces it. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, ...allowed] },
});
/** Parts of a room that import nothing of it, nor of one another, but what `allowed` says. */
const apart = (room, part, allowed = []) =>
  only(
    `${room}-${part}-stands-alone`,
    `^src/${room}/${part}/`,
    [`^src/(?!${room}/)`, ...allowed.map((file) => `^src/${room}/${file}`)],
    '',
  );
const pure = ['address', 'wire', 'text', 'record', 'trace'];
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/', pathNot: ['\\.d\\.ts$'] }, to: {} },
    only('text-imports-nothing', '^src/text/', [], ''),
    only('address-imports-nothing', '^src/address/', [], 'address is the innermost room'),
    only('wire-imports-address', '^src/wire/', ['^src/address/'], ''),
    only('record-imports-nothing', '^src/record/', [], 'what a record is, for whoever writes or reads one'),
    only('trace-imports-wire', '^src/trace/', ['^src/record/', '^src/wire/', '^src/address/'], ''),
    only('transport-imports-inward', '^src/transport/', ['^src/trace/', '^src/wire/', '^src/address/'], ''),
    apart('transport', 'native', ['probe-transport\\.ts$']),
    apart('transport', 'raw-socket', ['probe-transport\\.ts$', 'raw-socket-error\\.ts$', 'route/']),
    apart('transport', 'route', ['probe-transport\\.ts$', 'raw-socket-error\\.ts$']),
    only(
      'engine-imports-the-port-only',
      '^src/engine/',
      ['^src/transport/probe-transport\\.ts$', '^src/trace/', '^src/record/', '^src/wire/', '^src/address/'],
      'adapters are chosen in process/compose.ts',
    ),
    only(
      'annotate-imports-inward',
      '^src/annotate/',
      ['^src/trace/', '^src/record/', '^src/wire/', '^src/address/'],
      '',
    ),
    apart('annotate', 'names', ['(annotation-error|sanitise-name)\\.ts$']),
    apart('annotate', 'as-data', ['(annotation-error|sanitise-name)\\.ts$']),
    only('targets-imports-inward', '^src/targets/', ['^src/trace/', '^src/record/', '^src/wire/', '^src/address/'], ''),
    only(
      'results-imports-inward',
      '^src/results/',
      ['^src/trace/', '^src/record/', '^src/wire/', '^src/address/', '^src/transport/probe-transport\\.ts$'],
      '',
    ),
    apart('results', 'store', ['(output-error|summary-csv)\\.ts$']),
    apart('results', 'files', ['output-error\\.ts$']),
    only('config-imports-inward', '^src/config/', ['^src/trace/', '^src/record/', '^src/wire/', '^src/address/'], ''),
    only(
      'report-imports-inward',
      '^src/report/',
      ['^src/results/', '^src/annotate/', '^src/text/', '^src/trace/', '^src/record/', '^src/wire/', '^src/address/'],
      '',
    ),
    apart('report', 'words'),
    apart('report', 'faults'),
    apart('report', 'formats'),
    apart('report', 'table', ['faults/']),
    apart('report', 'page', ['words/', 'faults/']),
    only(
      'measure-imports-inward',
      '^src/measure/',
      ['^src/(engine|annotate|config|text|trace|record|wire|address)/', '^src/transport/probe-transport\\.ts$'],
      'one host to its records: no store, no list',
    ),
    only(
      'runs-imports-inward',
      '^src/runs/',
      ['^src/(measure|results|targets|config|text|trace|record|wire|address)/'],
      'a list in the store, for whoever runs it',
    ),
    only(
      'daemon-imports-inward',
      '^src/daemon/',
      [
        '^src/(runs|measure|report|results|engine|targets|annotate|config|text|trace|record|wire|address)/',
        '^src/transport/probe-transport\\.ts$',
      ],
      '',
    ),
    {
      name: 'cli-starts-processes-only',
      comment: 'commands are given what process/ puts together',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: ['^src/cli/main\\.ts$'] },
      to: { path: '^src/process/', pathNot: '^src/process/measure-link\\.ts$' },
    },
    {
      name: 'adapters-only-from-compose',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/process/compose\\.ts$', '^src/transport/'] },
      to: { path: '^src/transport/', pathNot: '^src/transport/probe-transport\\.ts$' },
    },
    {
      name: 'pure-rooms-import-no-node',
      severity: 'error',
      from: { path: `^src/(${pure.join('|')})/` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'ip6addr-has-one-room',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/address/' },
      to: { path: 'node_modules/ip6addr' },
    },
    {
      name: 'raw-socket-has-one-importer',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/transport/raw-socket/raw-socket-transport\\.ts$' },
      to: { path: 'node_modules/raw-socket' },
    },
    {
      name: 'the-addon-has-one-importer',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/transport/native/[a-z-]+\\.ts$' },
      to: { path: '^native-shim|pdm-native-shim' },
    },
    {
      name: 'sqlite-stays-behind-the-store',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/results/store/(sqlite-store|driver-connection)\\.ts$' },
      to: { path: 'node_modules/better-sqlite3' },
    },
    { name: 'src-never-imports-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

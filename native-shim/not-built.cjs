'use strict';
// Runs when the addon could not be compiled at install. The program works without it (raw-socket), so this must not fail.
process.stderr.write(
  'pdm-native-shim: not built, a C++ compiler is missing or failed. pdm-trace works without it, with less.\n' +
    'To build it: apt-get install g++ make python3 && npm run build:native\n',
);

'use strict';
/** Loads the compiled addon, or says in one line why it cannot and what to do about it. */
const SURFACE = 1;

function unusable(code, reason, cause) {
  const remedy = 'apt-get install g++ make python3 && npm run build:native';
  return Object.assign(new Error(`the native addon ${reason}; to build it: ${remedy}`, { cause }), { code });
}

let binding;
try {
  binding = require('node-gyp-build')(__dirname);
} catch (cause) {
  throw unusable('ERR_NATIVE_SHIM_NOT_BUILT', 'is not built or does not load here', cause);
}
// node-gyp-build keeps a binary for as long as it loads, also one of an older checkout.
if (binding.surface !== SURFACE) {
  throw unusable('ERR_NATIVE_SHIM_STALE', `was built from other sources (surface ${binding.surface}, not ${SURFACE})`);
}
// One by one, so that Node finds the names when an ES module imports this.
exports.surface = binding.surface;
exports.Sender = binding.Sender;
exports.Receiver = binding.Receiver;
exports.nowNs = binding.nowNs;
exports.route = binding.route;
exports.dropPrivileges = binding.dropPrivileges;

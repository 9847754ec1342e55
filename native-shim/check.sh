#!/bin/bash
# What `npm run check:native` runs: the sources' format, clang-tidy, and every test of the addon and its adapter with ASan and UBSan in.
# Arguments are passed on to the test runner.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd .. && pwd)

for tool in clang-format clang-tidy g++ make; do
  command -v "$tool" >/dev/null || { echo "check:native needs $tool: apt-get install clang-format clang-tidy g++ make python3" >&2; exit 1; }
done

echo '== clang-format'
clang-format --dry-run -Werror source/*.cc source/*.h

echo '== clang-tidy'
NODE_INCLUDE=$(node -p '
  const { existsSync } = require("fs"), { dirname, join } = require("path");
  const roots = [process.env.npm_config_nodedir, join(dirname(process.execPath), ".."), join(require("os").homedir(), ".cache/node-gyp", process.versions.node)];
  roots.filter(Boolean).map((root) => join(root, "include/node")).find((path) => existsSync(join(path, "uv.h"))) ?? ""')
[ -n "$NODE_INCLUDE" ] || { echo "check:native does not find the headers of Node: set npm_config_nodedir" >&2; exit 1; }
ADDON_API_INCLUDE=$(node -p 'require("node-addon-api").include_dir')
export NODE_INCLUDE ADDON_API_INCLUDE
printf '%s\0' source/*.cc | xargs -0 -n 1 -P "$(nproc)" sh -c '
  clang-tidy --quiet "$1" -- -std=c++17 -fno-exceptions -DNAPI_VERSION=9 -DNAPI_DISABLE_CPP_EXCEPTIONS \
    -DNODE_ADDON_API_DISABLE_DEPRECATED -isystem "$NODE_INCLUDE" -isystem "$ADDON_API_INCLUDE" 2>/tmp/clang-tidy.$$ \
    || { grep -v "warnings generated" /tmp/clang-tidy.$$ >&2; rm /tmp/clang-tidy.$$; exit 1; }
  rm /tmp/clang-tidy.$$' sh

echo '== AddressSanitizer and UndefinedBehaviorSanitizer'
# In a copy: the binary that everything else uses stays as it is.
copy="$root/node_modules/.cache/pdm-trace-sanitized"
rm -rf "$copy"
mkdir -p "$copy"
cp -r package.json binding.gyp source "$copy"
(cd "$copy" && node-gyp rebuild --silent -- -Dsanitize=1)
cd "$root"
export PDM_NATIVE_SHIM_PREBUILD="$copy"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:verify_asan_link_order=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
LD_PRELOAD="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)"
export LD_PRELOAD
node -e '
  require("./native-shim/index.cjs");
  const { PDM_NATIVE_SHIM_PREBUILD: copy } = process.env;
  if (!require("fs").readFileSync("/proc/self/maps", "utf8").includes(copy)) throw new Error(`not the binary of ${copy}`);'
node node_modules/vitest/vitest.mjs run --project unit test/native test/transport/native --testTimeout 60000 "$@"

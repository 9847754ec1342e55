#!/bin/bash
# The tests of the addon and its adapter on each supported Node, all with the one binary that is there.
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(node -p 'process.arch')
before=$(sha256sum native-shim/build/Release/pdm_native_shim.node)
for version in 20 22 24; do
  folder="$PWD/node_modules/.cache/pdm-trace-node-$version"
  [ -x "$folder/bin/node" ] || {
    mkdir -p "$folder/package"
    (cd "$folder/package" && npm init -y >/dev/null && npm install --no-audit --no-fund --silent "node-linux-$machine@$version")
    ln -sfn "package/node_modules/node-linux-$machine/bin" "$folder/bin"
  }
  echo "== Node $("$folder/bin/node" --version)"
  PATH="$folder/bin:$PATH" node node_modules/vitest/vitest.mjs run --project unit test/native test/transport/native --testTimeout 30000
done
[ "$before" = "$(sha256sum native-shim/build/Release/pdm_native_shim.node)" ] || { echo 'the binary was built again meanwhile' >&2; exit 1; }

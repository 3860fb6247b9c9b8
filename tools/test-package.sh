#!/usr/bin/env bash
# Tests the npm package in dist: its types by the TypeScript compiler, and what it does in Chromium
# against nats-servers, beside nats.js and under nats.js's packages for JetStream and key-value stores.
# usage: test-package.sh [NAME]   (a part of the names of the tests to be run)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

tests=$root/web-wasm/js/tests/package
package=$root/dist/npm/web-wasm-js
built=$target_dir/package-tests

mkdir -p "$built"
if ! cmp -s "$tests/package-lock.json" "$built/installed-lock.json"; then
  say "nats.js, esbuild and typescript: with npm, into $built"
  cp "$tests/package.json" "$tests/package-lock.json" "$built/"
  (cd "$built" && npm ci --silent --no-audit --no-fund) || die "npm cannot install what the tests need"
  cp "$tests/package-lock.json" "$built/installed-lock.json"
fi

rm -rf "$built/node_modules/web-wasm-js"
ln -s "$package" "$built/node_modules/web-wasm-js"
cp "$tests/types.ts" "$built/types.ts"
"$built/node_modules/.bin/tsc" --strict --noEmit --target es2022 --module nodenext \
  --moduleResolution nodenext --lib es2022,dom,esnext.disposable "$built/types.ts"
say "the types hold"

cp "$tests/nats-js.mjs" "$built/entry.mjs"
"$built/node_modules/.bin/esbuild" "$built/entry.mjs" --bundle --format=esm --log-level=warning \
  --outfile="$built/nats-js.mjs"
node "$tests/run.mjs" "$package" "$built" "$@"

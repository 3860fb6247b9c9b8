#!/usr/bin/env bash
# Tests the npm package in dist: its types by the TypeScript compiler, and what it does in Chromium
# against nats-servers and an API, beside nats.js, under nats.js's packages for JetStream and key-value
# stores, and in an app that Vite and webpack build.
# usage: test-package.sh [NAME]   (a part of the names of the tests to be run)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

tests=$root/web-wasm/js/tests/package
package=$root/dist/npm/web-wasm-js
built=$target_dir/package-tests

# install WHAT SOURCE INTO: what the lock file in a folder pins, into another one.
install() {
  cmp -s "$2/package-lock.json" "$3/installed-lock.json" && return
  say "$1: with npm, into $3"
  mkdir -p "$3"
  cp "$2"/package{,-lock}.json "$3/"
  local output
  # Nothing that is installed runs: esbuild's program is one of its packages.
  output=$(cd "$3" && npm ci --ignore-scripts --no-audit --no-fund 2>&1) ||
    die "npm cannot install what the tests need: $output"
  cp "$2/package-lock.json" "$3/installed-lock.json"
}

install "nats.js, esbuild and typescript" "$tests" "$built"
rm -rf "$built/node_modules/web-wasm-js"
ln -s "$package" "$built/node_modules/web-wasm-js"
cp "$tests/types.ts" "$built/types.ts"
"$built/node_modules/.bin/tsc" --strict --noEmit --target es2022 --module nodenext \
  --moduleResolution nodenext --lib es2022,dom,esnext.disposable "$built/types.ts"
say "the types hold"

cp "$tests/nats-js.mjs" "$built/entry.mjs"
"$built/node_modules/.bin/esbuild" "$built/entry.mjs" --bundle --format=esm --log-level=warning \
  --outfile="$built/nats-js.mjs"

bundlers=$built/bundlers
install "Vite and webpack" "$root/web-wasm/js/tests/bundlers" "$bundlers"
rm -rf "$bundlers"/{src,dist,node_modules/web-wasm-js}
cp -R "$root"/web-wasm/js/tests/bundlers/{*.mjs,index.html,src} "$bundlers/"
# Not a link: bundlers treat what is installed otherwise than an app's own files.
cp -R "$package" "$bundlers/node_modules/web-wasm-js"
(cd "$bundlers" && node build.mjs)
say "Vite and webpack build the app"

cargo build --quiet --package api
node "$tests/run.mjs" "$package" "$built" "$target_dir/debug/api" "$@"

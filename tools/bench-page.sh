#!/usr/bin/env bash
# Builds what the browser benchmarks load into target/bench-page: the project's client for Rust and for
# JavaScript, as optimised as what a visitor gets, and nats.js, which npm brings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

static=bench/page
page=$target_dir/bench-page
npm=$target_dir/bench-npm

command -v npm >/dev/null || die "the benchmarks compare with nats.js, which npm brings: install npm"
mkdir -p "$page" "$npm"
if ! cmp -s "$static/package.json" "$npm/package.json"; then
  say "nats.js and esbuild: with npm, into $npm"
  rm -rf "$npm/node_modules" "$npm/package-lock.json"
  cp "$static/package.json" "$npm/package.json.next"
  (cd "$npm" && mv package.json.next package.json && npm install --silent --no-audit --no-fund) || {
    rm -f "$npm/package.json"
    die "npm cannot install nats.js"
  }
fi

# What a page gets of the client for JavaScript is its package.
tools/package.sh
ln -sfn "$root/dist/npm/web-wasm-js" "$npm/node_modules/web-wasm-js"

tools/wasm-cargo build --package bench-wasm --lib --profile wasm-release
module=$target_dir/wasm/$wasm_target/wasm-release/bench_wasm.wasm
if [[ ! -f $page/bench_wasm_bg.wasm || $module -nt $page/bench_wasm_bg.wasm ]]; then
  wasm-bindgen "$module" --target web --no-typescript --remove-name-section \
    --remove-producers-section --out-name bench_wasm --out-dir "$page"
fi

cp "$static"/*.mjs "$static"/*.html dist/npm/web-wasm-js/web_wasm_js_bg.wasm "$page/"
for bundle in nats-core nats-js web-wasm-js; do
  # Beside what it imports. Node's cryptography is asked for where there is no browser's only.
  cp "$static/$bundle.mjs" "$npm/"
  "$npm/node_modules/.bin/esbuild" "$npm/$bundle.mjs" --bundle --minify --format=esm \
    --external:node:crypto --log-level=warning --outfile="$page/$bundle.min.mjs"
done
node tools/brotli.mjs "$page"/{nats-core,nats-js,web-wasm-js}.min.mjs "$page/web_wasm_js_bg.wasm"

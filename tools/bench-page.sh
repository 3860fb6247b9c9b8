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

for crate in bench-wasm web-wasm-js; do
  tools/wasm-cargo build --package "$crate" --lib --profile wasm-release
  name=${crate//-/_}
  module=$target_dir/wasm/$wasm_target/wasm-release/$name.wasm
  if [[ ! -f $page/${name}_bg.wasm || $module -nt $page/${name}_bg.wasm ]]; then
    wasm-bindgen "$module" --target web --no-typescript --remove-name-section \
      --remove-producers-section --out-name "$name" --out-dir "$page"
  fi
done

cp "$static"/*.mjs "$static"/*.html "$page/"
cp "$static/nats-core.mjs" "$npm/"
"$npm/node_modules/.bin/esbuild" "$npm/nats-core.mjs" --bundle --minify --format=esm \
  --log-level=warning --outfile="$page/nats-core.min.mjs"
"$npm/node_modules/.bin/esbuild" "$page/web_wasm_js.js" --bundle --minify --format=esm \
  --log-level=warning --outfile="$page/web_wasm_js.min.js"
node tools/brotli.mjs "$page"/{nats-core.min.mjs,web_wasm_js.min.js,web_wasm_js_bg.wasm}

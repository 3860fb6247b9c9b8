#!/usr/bin/env bash
# Builds the examples into dist/examples, from where the API can serve them: the plain one as it is, the
# others with their own tools. Each has the client beside it: two the npm package, one the crate.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

package=dist/npm/web-wasm-js
built=dist/examples
next=dist/examples.next.$$

tools/setup.sh examples
tools/package.sh
rm -rf "$next"
mkdir -p "$next"
trap 'rm -rf "$next"' EXIT
cp examples/index.html examples/style.css "$next/"

cp -R examples/plain "$next/plain"
cp -R "$package" "$next/plain/web-wasm-js"

vite=examples/vite
if ! cmp -s "$vite/package-lock.json" "$vite/node_modules/installed-lock.json"; then
  say "vite and typescript: with npm, into $vite/node_modules"
  output=$(cd "$vite" && npm ci --no-audit --no-fund 2>&1) || die "npm cannot install what the example needs: $output"
  cp "$vite/package-lock.json" "$vite/node_modules/installed-lock.json"
fi
(cd "$vite" && npm run --silent build -- --outDir "$root/$next/vite" --emptyOutDir --logLevel warn)

# As it is, not for speed: CI builds it each time.
tools/wasm-cargo build --quiet --locked --manifest-path examples/leptos/Cargo.toml
mkdir "$next/leptos"
cp examples/leptos/{index.html,boot.js} "$next/leptos/"
wasm-bindgen "$target_dir/wasm/$wasm_target/debug/web-wasm-leptos.wasm" --target web --no-typescript \
  --out-name app --out-dir "$next/leptos"

rm -rf "$built"
mv "$next" "$built"
say "$built: plain, vite, leptos"

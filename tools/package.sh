#!/usr/bin/env bash
# Builds the npm package into dist/npm/web-wasm-js: the module, its glue, the hand-written JavaScript
# around it and the types. Does nothing beyond cargo's own check if nothing has changed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

readonly name=web-wasm-js glue=web_wasm_js
source=web-wasm/js
package=dist/npm/$name
next=dist/npm/$name.next.$$
stamp=dist/npm/$name.stamp

# One crate type alone: beside the rlib that the tests link, cargo leaves out link-time optimisation.
# More is inlined than opt-level "z" would: the module is no larger for it, and a message costs less.
tools/wasm-cargo rustc --package "$name" --lib --crate-type cdylib --profile wasm-package -- \
  -C llvm-args=-inline-threshold=30
tools/wasm-cargo rustc --package "$name-ed25519" --lib --crate-type cdylib --profile wasm-release
module=$target_dir/wasm/$wasm_target/wasm-package/$glue.wasm
ed25519=$target_dir/wasm/$wasm_target/wasm-release/${glue}_ed25519.wasm

made_of=$(
  wasm-bindgen --version
  cksum "$module" "$ed25519" tools/package.sh tools/short-names.mjs "$source"/src/*.js LICENSE-*
  find "$source/npm" -type f -exec cksum {} + | sort
)
if [[ -d $package && -f $stamp && $(<"$stamp") == "$made_of" ]]; then
  say "$package is up to date"
  exit
fi

rm -rf "$next"
mkdir -p "$next"
wasm-bindgen "$module" --target web --no-typescript --remove-name-section \
  --remove-producers-section --out-name "$glue" --out-dir "$next"
wasm-bindgen "$ed25519" --target web --no-typescript --remove-name-section \
  --remove-producers-section --out-name ed25519 --out-dir "$next/ed25519"
# What the glue imports has a folder for its crate, with a hash in its name; here there is one crate.
rm -rf "$next/snippets"
sed -i -E "s|\./snippets/$name-[0-9a-f]+/src/|./|g" "$next/$glue.js"
! grep -q snippets "$next/$glue.js" || die "the glue imports from a place that is not known"
node tools/short-names.mjs "$next/${glue}_bg.wasm" "$next/$glue.js"
node tools/short-names.mjs "$next/ed25519/ed25519_bg.wasm" "$next/ed25519/ed25519.js"
cp -R "$source"/src/*.js "$source"/npm/* LICENSE-APACHE LICENSE-MIT "$next/"

version=$(sed -nE 's/^version *= *"(.*)"/\1/p' Cargo.toml | head -n 1)
grep -q "\"version\": \"$version\"" "$next/package.json" ||
  die "the package must have the version of the workspace, $version"

names_no_folder_of_this_machine "$next"
rm -rf "$package"
mv "$next" "$package"
printf '%s\n' "$made_of" >"$stamp"

# What a page downloads, in all: it may not grow unseen. What tabs share a connection by, and what asks an API
# for credentials, is asked for by those pages only, and what signs where the browser does not by those
# browsers.
readonly budget=142000 shared_budget=22000 http_budget=5000 ed25519_budget=16000
compressed() {
  local total=0 file
  for file in "$@"; do
    total=$((total + $(gzip --best --stdout "$file" | wc -c)))
  done
  printf '%s' "$total"
}
total=$(compressed "$package"/*.wasm "$package"/{,ed25519/}*.js)
shared=$(compressed "$package"/shared/*.js)
http=$(compressed "$package"/http/*.js)
ed25519=$(compressed "$package"/ed25519/*.wasm)
say "$package: $(cat "$package"/*.wasm | wc -c) bytes of WASM, $(cat "$package"/*.js | wc -c) of JavaScript;" \
  "$total bytes compressed by gzip, of $budget; $shared, of $shared_budget, for tabs that share a connection;" \
  "$http, of $http_budget, for credentials of an API; $ed25519, of $ed25519_budget, for browsers that do not sign"
((total <= budget && shared <= shared_budget && http <= http_budget && ed25519 <= ed25519_budget)) ||
  die "the package is larger than its budget"

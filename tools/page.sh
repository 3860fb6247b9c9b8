#!/usr/bin/env bash
# Builds the page into dist/page: the module, its glue, the static files, and compressed copies of
# them for the API to serve. Does nothing beyond cargo's own check if nothing has changed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

static=web-wasm/page/static
page=dist/page
next=dist/page.next.$$
stamp=dist/page.stamp

tools/wasm-cargo build --package web-wasm-page --lib --profile wasm-release
module=$target_dir/wasm/$wasm_target/wasm-release/web_wasm_page.wasm

if command -v node >/dev/null; then
  brotli_by=node
elif command -v brotli >/dev/null; then
  brotli_by=brotli
else
  brotli_by=
fi

made_of=$(
  wasm-bindgen --version
  echo "brotli: ${brotli_by:-none}"
  cksum "$module" tools/page.sh tools/brotli.mjs
  find "$static" -type f -exec cksum {} + | sort
)
if [[ -d $page && -f $stamp && $(<"$stamp") == "$made_of" ]]; then
  say "$page is up to date"
  exit
fi

rm -rf "$next"
mkdir -p "$next"
wasm-bindgen "$module" --target web --no-typescript --remove-name-section \
  --remove-producers-section --out-name page --out-dir "$next"
cp -R "$static/." "$next/"

mapfile -t files < <(find "$next" -type f)
gzip --keep --best --no-name "${files[@]}"
case $brotli_by in
  node) node tools/brotli.mjs "${files[@]}" ;;
  brotli) brotli --keep --best "${files[@]}" ;;
  *) say "no brotli copies: neither node nor brotli is here (gzip copies are made)" ;;
esac

rm -rf "$page"
mv "$next" "$page"
printf '%s\n' "$made_of" >"$stamp"
for name in page_bg.wasm page.js; do
  size() { wc -c <"$page/$1" | tr -d ' '; }
  smallest=$(size "$name.gz")
  [[ -z $brotli_by ]] || smallest=$(size "$name.br")
  say "$page/$name: $(size "$name") bytes, $smallest compressed"
done

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

# One crate type alone: beside the rlib that the tests link, cargo leaves out link-time optimisation.
tools/wasm-cargo rustc --package web-wasm-page --lib --crate-type cdylib --profile wasm-page
module=$target_dir/wasm/$wasm_target/wasm-page/web_wasm_page.wasm

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
mkdir -p "$next/assets"
wasm-bindgen "$module" --target web --no-typescript --remove-name-section \
  --remove-producers-section --out-name page --out-dir "$next/assets"
cp -R "$static/." "$next/assets/"
mv "$next/assets/index.html" "$next/"
names_no_folder_of_this_machine "$next"

# name_by_contents FILE WHERE...: puts a hash of the file into its name, here and where it is named,
# so that browsers can keep it for good. What a file names is renamed before the file itself.
name_by_contents() {
  local file=$1 hash name
  shift
  hash=$(sha256sum "$next/assets/$file" | cut -c 1-16)
  name=${file%.*}.$hash.${file##*.}
  mv "$next/assets/$file" "$next/assets/$name"
  sed -i "s|\\([\"'/]\\)${file//./\\.}\\([\"']\\)|\\1$name\\2|g" "$@"
}
index=$next/index.html
name_by_contents page_bg.wasm "$next/assets/page.js" "$next/assets/boot.js" "$index"
name_by_contents page.js "$next/assets/boot.js" "$index"
for file in boot.js theme.js page.css icon.svg; do
  name_by_contents "$file" "$index"
done

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

# What a visitor downloads, in all.
readonly budget=236000
total=0
for file in "$page"/*.html "$page"/assets/*.{wasm,js,css,svg}; do
  size() { wc -c <"$1" | tr -d ' '; }
  smallest=$(size "$file.gz")
  [[ -z $brotli_by ]] || smallest=$(size "$file.br")
  say "$file: $(size "$file") bytes, $smallest compressed"
  total=$((total + smallest))
done
say "$page: $total bytes compressed, of $budget"
[[ -z $brotli_by ]] || ((total <= budget)) || die "the page is larger than its budget"

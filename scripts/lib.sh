# Shared by ./run and ./test. Everything said goes to stderr: stdout belongs to the command that is run.
# shellcheck shell=bash disable=SC2034

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="$HOME/.cache/curfew"
cd "$root" || exit

# A continuous-integration clone is thrown away; what it built is not.
if [[ "${CI:-}" == true ]]; then
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
fi
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$@" >&2; exit 1; }
if [[ ! -t 2 ]]; then say() { printf '▸ %s\n' "$*" >&2; }; fi

# Rust's stable toolchain is the one thing that is not installed here: it belongs to the user's account.
need_cargo() {
  if ! command -v cargo >/dev/null && [[ -f "$HOME/.cargo/env" ]]; then
    # shellcheck disable=SC1091
    source "$HOME/.cargo/env"
  fi
  command -v cargo >/dev/null || die \
    "Curfew is built with Rust, and there is no cargo here. This line installs it (about a minute):" \
    "" \
    "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\"" \
    "" \
    "Then run this again."
  local want have
  want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$(rustc --version | cut -d' ' -f2)
  if [[ "$(printf '%s\n%s\n' "$want" "${have%%-*}" | sort -V | head -n1)" != "$want" ]]; then
    die "Curfew needs Rust $want or later; this is $have. \`rustup update stable\` brings it."
  fi
}

# need_apt WHY PACKAGE…: installs what is missing of these Debian packages. Quick when nothing is.
need_apt() {
  local why="$1" package
  local missing=()
  shift
  if ! command -v dpkg-query >/dev/null; then
    say "not Debian or Ubuntu: $why must be here already ($*)"
    return
  fi
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as=()
  if ((EUID != 0)); then
    if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      as=(sudo)
    else
      die "Missing for $why: ${missing[*]}" "Install them as root, then run this again:" "" \
        "    apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  say "installing for $why: ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
  # An index from before may name versions that are gone, so a first failure is followed by a fresh index.
  "${as[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 2>/dev/null \
    || { "${as[@]}" "${apt[@]}" update >&2 && "${as[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2; } \
    || die "apt could not install ${missing[*]}. What it said is above."
}

# What the command needs: a linker, and Python for the training scripts that it runs.
need_base() { need_apt "building and running" build-essential pkg-config ca-certificates python3 python3-venv; }

# What the window needs on top.
# The monitor loads its libraries of X11 itself.
need_window() {
  need_apt "the window" libwebkit2gtk-4.1-dev libayatana-appindicator3-1 xdg-utils libx11-xcb1 libxcursor1 libxi6 \
    libxkbcommon-x11-0 libxrandr2
}

# What the build embeds, as the lock files say: the page's libraries and font, and the font of drawings.
need_npm() {
  npm_of ui "the page's libraries"
  npm_of crates/figures "the drawings' font"
}

# npm_of FOLDER WHAT
npm_of() {
  [[ -f "$1/package-lock.json" ]] || return 0
  local lock stamp="$1/node_modules/.curfew-lock"
  lock=$(sha256sum <"$1/package-lock.json")
  [[ -f "$stamp" && "$(<"$stamp")" == "$lock" ]] && return 0
  if ! command -v npm >/dev/null; then need_apt "fetching $2" nodejs npm; fi
  say "fetching $2"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 \
    || die "npm could not fetch $2. What it said is above; nothing was built."
  printf '%s' "$lock" >"$stamp"
}

# build TARGET…: quiet when there is nothing to build. Always the whole workspace with a choice of targets, never -p: which
# features a dependency is built with hangs on the packages that are chosen, so that another choice builds it again.
build() { cargo build --locked --quiet --workspace "$@" >&2 || die "The build failed. What the compiler said is above."; }

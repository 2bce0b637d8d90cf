#!/usr/bin/env bash
# Installs the programs the tests drive: Chromium, Caddy, Consul, PostgreSQL; a newer Caddy is unpacked below
# .make/tools, so that the edge is tried with both. Debian only, as root (or by
# passwordless sudo in CI); anywhere else it says what is missing and which tests are therefore not run.
# Leaves nothing under /etc/apt, starts no service. PLIMSOLL_TEST_TOOLS=required makes a missing tool an error.
set -euo pipefail

find_chromium() { command -v chromium || command -v google-chrome; }
find_caddy() { command -v caddy; }
find_consul() { command -v consul; }
find_postgres() {
  command -v postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1 | grep .
}

cd "$(dirname "$0")/.."
next=.make/tools/caddy-next
find_caddy_next() { "$next/usr/bin/caddy" version 2>/dev/null; }

tools=(chromium caddy consul postgres caddy_next)
declare -A package=([chromium]=chromium [caddy]=caddy [consul]=consul [postgres]=postgresql)
declare -A not_run=(
  [chromium]='the browser tests'
  [caddy]='the tests of the edge, and those that read the log of a real Caddy'
  [consul]='the tests of the edge, and those against a real Consul'
  [caddy_next]='the tests of the edge with the newest Caddy'
  [postgres]='the database tests on PostgreSQL (SQLite is tested)'
)

missing() { for tool in "${tools[@]}"; do "find_$tool" >/dev/null || echo "$tool"; done; }

work=
policy=/usr/sbin/policy-rc.d
own_policy=
as_root=()
cleanup() {
  if [ -n "$own_policy" ]; then "${as_root[@]}" rm -f "$policy"; fi
  if [ -n "$work" ]; then "${as_root[@]}" rm -rf "$work"; fi
}
trap cleanup EXIT

# Where this machine gets the packages of a suite from: URI and key.
mirror_of() {
  local codename=$1
  awk -v suite="$codename" '
    function emit() { if (uri != "" && index(" " suites " ", " " suite " ")) { print uri, key; exit } uri = suites = key = "" }
    FNR == 1 || /^[[:space:]]*$/ { emit() }
    FILENAME ~ /\.sources$/ && /^URIs:/ { uri = $2 }
    FILENAME ~ /\.sources$/ && /^Suites:/ { $1 = ""; suites = $0 }
    FILENAME ~ /\.sources$/ && /^Signed-By:/ { key = $2 }
    FILENAME ~ /\.list$/ && $1 == "deb" {
      line = $0
      if (match(line, /signed-by=[^] ]+/)) key = substr(line, RSTART + 10, RLENGTH - 10)
      sub(/\[[^]]*\]/, "", line); split(line, part, " ")
      uri = part[2]; suites = part[3]; emit()
    }
    END { emit() }
  ' "$work"/sources/* 2>/dev/null | head -n 1 || true
}

# Debian's packages in bookworm and later lack Consul: it is taken from bullseye, from the very mirror the machine uses.
add_bullseye() {
  local found=$1 uri key
  read -r uri key <<<"$found" || true
  [ -n "${uri:-}" ] || return 0
  {
    printf 'Types: deb\nURIs: %s\nSuites: bullseye\nComponents: main\n' "$uri"
    if [ -n "${key:-}" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } >"$work/sources/plimsoll-bullseye.sources"
  printf 'Package: *\nPin: release n=bullseye\nPin-Priority: -1\n\nPackage: consul\nPin: release n=bullseye\nPin-Priority: 500\n' \
    >"$work/preferences/plimsoll"
}

# Debian's next release has the newest Caddy. It is one static file: unpacked beside the checkout, not installed.
unpack_caddy_next() {
  local found=$1 uri key
  read -r uri key <<<"$found"
  [ -n "${uri:-}" ] || return 0
  mkdir -p "$work"/next/{sources,lists/partial} "$work/next/archives/partial" && chmod -R 755 "$work/next"
  {
    printf 'Types: deb\nURIs: %s\nSuites: forky\nComponents: main\n' "$uri"
    if [ -n "${key:-}" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } >"$work/next/sources/next.sources"
  # the release file of a suite in the making may be out of date
  local apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/next/sources"
    -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State::lists=$work/next/lists" -o "Dir::Cache=$work/next"
    -o Acquire::Check-Valid-Until=false -o Acquire::http::Timeout=30 -o Acquire::Retries=2 -o APT::Sandbox::User=root)
  echo 'unpacking the newest caddy'
  if "${apt[@]}" update && (cd "$work/next" && "${apt[@]}" download caddy); then
    mkdir -p "$next" && dpkg -x "$work"/next/caddy_*.deb "$next"
  fi </dev/null >"$work/next.log" 2>&1 || tail -n 3 "$work/next.log" | sed 's/^/  caddy: /' >&2
}

install_missing() {
  local id codename tool
  # shellcheck disable=SC1091 # written by the distribution
  id=$(. /etc/os-release && echo "${ID:-}") codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  work=$(mktemp -d)
  chmod 755 "$work" # apt reads it as its own user
  mkdir -p "$work"/{sources,preferences,lists/partial}
  cp /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list "$work/sources/" 2>/dev/null || true
  if [ -s /etc/apt/sources.list ]; then cp /etc/apt/sources.list "$work/sources/machine.list"; fi
  cp /etc/apt/preferences.d/* "$work/preferences/" 2>/dev/null || true
  local mirror=
  if [ "$id" = debian ]; then mirror=$(mirror_of "$codename"); fi
  if [ "$codename" != bullseye ]; then add_bullseye "$mirror"; fi
  if [ ! -e "$policy" ]; then # keep Debian from starting what it installs
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq
    -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources"
    -o "Dir::Etc::preferencesparts=$work/preferences" -o "Dir::State::lists=$work/lists"
    -o Acquire::http::Timeout=30 -o Acquire::Retries=2 -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update </dev/null >"$work/update.log" 2>&1 || sed 's/^/  apt-get update: /' "$work/update.log" >&2
  for tool in $(missing); do
    [ "$tool" != caddy_next ] || continue
    echo "installing ${package[$tool]}"
    # one by one: a package that cannot be had costs only its own tests
    "${apt[@]}" install -y --no-install-recommends "${package[$tool]}" </dev/null >"$work/install.log" 2>&1 ||
      tail -n 3 "$work/install.log" | sed "s/^/  ${package[$tool]}: /" >&2
  done
  if ! find_caddy_next >/dev/null; then unpack_caddy_next "$mirror"; fi
}

if [ -n "$(missing)" ]; then
  if ! command -v apt-get >/dev/null; then
    echo 'not a Debian: nothing is installed here'
  elif [ "$(id -u)" = 0 ]; then
    install_missing
  elif [ -n "${CI:-}" ] && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
    install_missing
  else
    echo 'not root: nothing is installed here'
  fi
fi

for tool in $(missing); do echo "missing $tool: not run: ${not_run[$tool]}"; done
if [ "${PLIMSOLL_TEST_TOOLS:-}" = required ] && missing | grep -qv caddy_next; then exit 1; fi

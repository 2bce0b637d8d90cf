#!/usr/bin/env bash
# Stands in for the base images where no registry can be reached, so that the Dockerfiles can be tried all the same:
# a Debian from this machine's own mirror, with the Node of the checkout and this machine's npm and Caddy. As root, once:
#   scripts/image/base.sh [STORE]      (default .make/images; needs buildah and debootstrap)
# What comes out of it is for trying, never for running: it has a shell and whatever Debian's minimum brings.
set -euo pipefail
cd "$(dirname "$0")/../.."
store=$(realpath -m "${1:-.make/images}")
mkdir -p "$store"
work=$(mktemp -d)
# debootstrap may leave its mounts behind: they are let go, and never walked into
cleanup() {
  umount "$work/debian/proc" "$work/debian/sys" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
buildah_() { buildah --root "$store/root" --runroot "$store/run" --storage-driver overlay "$@"; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$store/policy.json"
commit() { buildah_ commit -q --signature-policy "$store/policy.json" "$1" "localhost/$2" >/dev/null && buildah_ rm "$1" >/dev/null; }

mirror=$(awk '/^URIs:/ { print $2; exit } $1 == "deb" && $2 ~ /^http/ { print $2; exit }' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null)
debootstrap --variant=minbase --include=ca-certificates,libstdc++6 trixie "$work/debian" "$mirror" >"$work/log" ||
  { tail -n 3 "$work/log" >&2; exit 1; }
umount "$work/debian/proc" "$work/debian/sys" 2>/dev/null || true
# a machine behind a proxy that opens TLS has its authority here
cp /etc/ssl/certs/ca-certificates.crt "$work/debian/etc/ssl/certs/ca-certificates.crt"

runtime=$(buildah_ from scratch)
buildah_ copy -q "$runtime" "$work/debian" / >/dev/null
commit "$runtime" plimsoll-base-runtime

mkdir -p "$work/node/usr/local/bin" "$work/node/usr/local/lib/node_modules"
cp -L node_modules/.bin/node "$work/node/usr/local/bin/node"
cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$work/node/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/node/usr/local/bin/npm"
node=$(buildah_ from --pull-never localhost/plimsoll-base-runtime)
buildah_ copy -q "$node" "$work/node" / >/dev/null
buildah_ config --env "npm_config_registry=$(npm config get registry)" \
  --env npm_config_cafile=/etc/ssl/certs/ca-certificates.crt "$node"
commit "$node" plimsoll-base-node

caddy=$(buildah_ from scratch)
buildah_ copy -q "$caddy" "$(command -v caddy)" /usr/bin/caddy >/dev/null
commit "$caddy" plimsoll-base-caddy
echo "bases are in $store"

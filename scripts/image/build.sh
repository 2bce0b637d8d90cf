#!/usr/bin/env bash
# Builds the images with Docker, or with buildah where no Docker runs: scripts/image/build.sh [api] [edge]
#   PUSH=registry.example/team   publishes them there and prints their names by digest (in CI also as outputs `api`, `edge`)
#   REGISTRY_USER, REGISTRY_TOKEN  who publishes
#   NODE_IMAGE, RUNTIME_IMAGE, CADDY_IMAGE   other bases than the pinned ones
# The same commit gives the same layers: files carry the time of the commit.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
args=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
for name in NODE_IMAGE RUNTIME_IMAGE CADDY_IMAGE; do
  if [ -n "${!name:-}" ]; then args+=(--build-arg "$name=${!name}"); fi
done

store=${PLIMSOLL_IMAGE_STORE:-}
buildah_() { command buildah ${store:+--root "$store/root" --runroot "$store/run" --storage-driver overlay} "$@"; }

# a builder of its own: Docker's default one writes neither provenance nor reproducible layers
prepare_docker() {
  if [ -z "${PUSH:-}" ]; then return; fi
  if [ -n "${REGISTRY_TOKEN:-}" ]; then
    docker login "${PUSH%%/*}" --username "${REGISTRY_USER:?}" --password-stdin <<<"$REGISTRY_TOKEN" >&2
  fi
  docker buildx inspect plimsoll >/dev/null 2>&1 || docker buildx create --name plimsoll --driver docker-container >/dev/null
}

prepare_buildah() {
  if [ -n "${PUSH:-}" ] && [ -n "${REGISTRY_TOKEN:-}" ]; then
    buildah_ login --username "${REGISTRY_USER:?}" --password-stdin "${PUSH%%/*}" <<<"$REGISTRY_TOKEN" >&2
  fi
}

# name and digest of what was published, for people and for the next job
tell() {
  local name=$1 image=$2
  printf '%s\n' "$image"
  if [ -n "${GITHUB_OUTPUT:-}" ]; then printf '%s=%s\n' "$name" "$image" >>"$GITHUB_OUTPUT"; fi
}

build_with_docker() {
  local name=$1 file=$2
  if [ -z "${PUSH:-}" ]; then
    docker buildx build "${args[@]}" --load -t "plimsoll-$name:$version" -f "$file" .
    return
  fi
  mkdir -p .make
  docker buildx build --builder plimsoll "${args[@]}" --provenance=true --sbom=true --metadata-file ".make/image-$name.json" \
    --output "type=image,push=true,rewrite-timestamp=true" -t "$PUSH/plimsoll-$name:$version" -f "$file" .
  tell "$name" "$PUSH/plimsoll-$name@$(sed -n 's/.*"containerimage.digest": "\(sha256:[0-9a-f]*\)".*/\1/p' ".make/image-$name.json")"
}

build_with_buildah() {
  local name=$1 file=$2
  # chroot: needs neither a daemon nor namespaces; docker: the format that knows HEALTHCHECK
  buildah_ bud --layers --isolation chroot --format docker --timestamp "$SOURCE_DATE_EPOCH" "${args[@]}" \
    ${BUILDAH_OPTIONS:-} -t "localhost/plimsoll-$name:$version" -f "$file" .
  if [ -n "${PUSH:-}" ]; then
    mkdir -p .make
    buildah_ push --digestfile ".make/image-$name" "localhost/plimsoll-$name:$version" "docker://$PUSH/plimsoll-$name:$version"
    tell "$name" "$PUSH/plimsoll-$name@$(cat ".make/image-$name")"
  fi
}

if docker info >/dev/null 2>&1; then
  builder=docker
elif command -v buildah >/dev/null; then
  builder=buildah
else
  echo 'neither Docker nor buildah is here: no image can be built' >&2
  exit 1
fi

if [ $# = 0 ]; then set -- api edge; fi
"prepare_$builder"
for name in "$@"; do
  case $name in
    api) file=api/Dockerfile ;;
    edge) file=web/Dockerfile ;;
    *)
      echo "$name is no image of this repository; there are api and edge" >&2
      exit 64
      ;;
  esac
  "build_with_$builder" "$name" "$file"
done

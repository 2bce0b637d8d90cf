#!/usr/bin/env bash
# Publishes a release on GitHub: TAG=v1.2.3 IMAGES='registry/…@sha256:… …' scripts/release.sh [--dry-run]
# Its text is the changelog's section of that version, and the images by digest. Refuses a tag that is not this version.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
if [ "${TAG:-}" != "v$version" ]; then
  echo "TAG=${TAG:-} is not v$version, the version of package.json" >&2
  exit 1
fi
notes=$(awk -v heading="## $version" 'index($0, "## ") == 1 { inside = (index($0, heading) == 1); next } inside' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "CHANGELOG.md has no section \"## $version\"" >&2
  exit 1
fi
text="$notes"$'\n\nImages:\n\n'
for image in ${IMAGES:-}; do text+="- \`$image\`"$'\n'; done
if [ "${1:-}" = --dry-run ]; then
  printf '%s\n' "$text"
else
  gh release create "$TAG" --verify-tag --title "Plimsoll $version" --notes "$text"
fi

#!/usr/bin/env bash
# Makes a whole release on this machine and publishes nothing: dry-run.sh [VERSION [FOLDER]]
# Binaries for six targets, checksums, SBOMs, the image where there is Docker, and both action.yml as the release's commit has
# them; then it verifies them as a reader would, and that a changed binary, table and image are noticed.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:-v0.0.0-dry-run}
out=${2:-bin/release}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -rf "${out:?}"/*
commit=$out/commit dist=$out/dist

release/build.sh "$version" "$dist"
release/sbom.sh "$version" "$dist"

mkdir -p "$commit/native" "$commit/templates"
cp action.yml "$commit/"
cp native/action.yml native/index.js "$commit/native/"
release/table.sh "$version" "$dist" "$commit/native/release.json"
cp templates/seed.yml "$commit/templates/"
release/component.sh "$version" "$dist" "$commit/templates/seed.yml"

# Pushed, an image has the registry's digest. Not pushed, that of its configuration stands in.
if docker info >/dev/null 2>&1; then
	release/context.sh "$dist" "$out/context"
	DOCKER_BUILDKIT=0 docker build -q -f release/Dockerfile --build-arg "TARGETARCH=$(go env GOARCH)" --build-arg "VERSION=${version#v}" \
		--build-arg REVISION=none "$out/context" >"$out/image"
	digest=$(cat "$out/image")
	echo "image made, not pushed: $digest"
else
	echo 'no Docker engine answers: the image is left out, and a digest of zeros stands in'
	digest=sha256:$(printf '0%.0s' {1..64})
fi
release/point.sh "$commit/action.yml" "ghcr.io/fabricate-seed/fabricate-seed@$digest"

release/verify.sh "$dist" "$commit"

refused() { # refused WHAT: the folder's copy has been changed, and that must be noticed
	if release/verify.sh "$out/changed/dist" "$out/changed/commit" >/dev/null 2>&1; then
		echo "dry run: $1 was changed, and nobody noticed" >&2
		exit 1
	fi
	echo "noticed: $1 changed"
	rm -rf "$out/changed"
}
changed() { mkdir "$out/changed" && cp -r "$dist" "$commit" "$out/changed/"; }
changed
printf x >>"$out/changed/dist/fabricate-seed-linux-amd64"
refused 'a binary'
changed
sed -i '0,/: "[0-9a-f]/s/: "\([0-9a-f]\)/: "x/' "$out/changed/commit/native/release.json"
refused "the table's checksum"
changed
sed -i '/^    sha256-arm64:/,$s/default: "[0-9a-f]/default: "x/' "$out/changed/commit/templates/seed.yml"
refused "the component's checksum"
changed
sed -i 's/@sha256:.*/:latest/' "$out/changed/commit/action.yml"
refused "the image's digest"

(cd "$out" && find dist commit -type f -printf '%10s  %p\n' | sort -k 2)

#!/usr/bin/env bash
# Builds the binaries of a release into a folder, with their checksums: build.sh v1.2.3 dist [linux/amd64 ...]
# The same source, Go and version give the same bytes, on whichever machine and in whichever folder.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?the version, as in v1.2.3}
out=${2:?the folder for the binaries}
shift 2
if [ $# -eq 0 ]; then
	set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
fi

mkdir -p "$out"
for target in "$@"; do
	os=${target%/*} arch=${target#*/} suffix=
	if [ "$os" = windows ]; then suffix=.exe; fi
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch GOFLAGS='' go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$version" -o "$out/fabricate-seed-$os-$arch$suffix" .
done
go run ./scripts/licenses >"$out/licenses.txt"
cd "$out"
sha256sum fabricate-seed-* >checksums.txt

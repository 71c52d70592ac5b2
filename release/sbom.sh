#!/usr/bin/env bash
# Writes what each binary in a folder is made of beside it, as CycloneDX 1.6, and adds that to checksums.txt: sbom.sh VERSION DIST
# The same binary gives the same bytes: no serial number, no time.
set -euo pipefail

version=${1:?the version, as in v1.2.3}
dist=$(cd "${2:?the folder of the binaries}" && pwd)
cd "$(dirname "$0")/../tools/sbom"

tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
go build -o "$tool/" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
for binary in "$dist"/fabricate-seed-*; do
	case $binary in *.json) continue ;; esac
	chmod +x "$binary" # the tool insists; it does not run it
	"$tool/cyclonedx-gomod" bin -json -std -noserial -notimestamp -version "$version" -output "$binary.cdx.json" "$binary"
done
cd "$dist"
sha256sum fabricate-seed-* >checksums.txt

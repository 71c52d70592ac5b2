#!/usr/bin/env bash
# Makes sure that files of a release are those that its commit names: verify.sh DIST [COMMIT-FOLDER]
#
# DIST is a folder with checksums.txt and any of the release's files. The commit is this checkout, or the folder of another
# one. It needs no network. What it looks at:
#   - every file here has the SHA-256 that checksums.txt says;
#   - native/release.json names each binary with that same SHA-256;
#   - templates/seed.yml names the version, and the binaries for Linux with that SHA-256;
#   - action.yml names an image by its digest and nothing else.
# Who made the files, GitHub's attestations tell: gh attestation verify FILE --repo fabricate-seed/fabricate-seed
set -euo pipefail

dist=${1:?the folder with the release\'s files and checksums.txt}
commit=${2:-$(dirname "$0")/..}
table=$commit/native/release.json
fail() { printf 'verify: %s\n' "$*" >&2; exit 1; }

[ -s "$dist/checksums.txt" ] || fail "$dist/checksums.txt is not there"
(cd "$dist" && sha256sum --quiet --strict --ignore-missing -c checksums.txt) || fail 'a file is not the one that was released'

binaries=0
while read -r digest name; do
	case $name in *.json) continue ;; esac
	binaries=$((binaries + 1))
	grep -qF "\"$name\": \"$digest\"" "$table" || fail "native/release.json does not name $name with $digest"
done <"$dist/checksums.txt"
[ "$binaries" -gt 0 ] || fail 'checksums.txt names no binary'
[ "$(grep -cE '^    "fabricate-seed-[a-z0-9.-]+": "[0-9a-f]{64}",?$' "$table")" = "$binaries" ] ||
	fail 'native/release.json names other binaries than checksums.txt'

component=$commit/templates/seed.yml
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$table")
for value in "$version" $(awk '$2 ~ /^fabricate-seed-linux-[a-z0-9]*$/ { print $1 }' "$dist/checksums.txt"); do
	grep -qxF "      default: \"$value\"" "$component" || fail "templates/seed.yml does not name $value"
done

image=$(sed -n 's/^  image: //p' "$commit/action.yml")
printf '%s\n' "$image" | grep -qE '^docker://[a-z0-9./_-]+@sha256:[0-9a-f]{64}$' || fail "action.yml does not name an image by its digest: $image"
printf 'verified: %s binaries, image %s\n' "$binaries" "${image#docker://}"

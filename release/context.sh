#!/usr/bin/env bash
# Lays out the files of the image, for each architecture that was built: context.sh dist context
# Their times are those of SOURCE_DATE_EPOCH, or else of the commit, so that the same files make the same layer.
set -euo pipefail

dist=${1:?the folder of the binaries}
out=${2:?the folder to make}
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct)}

for binary in "$dist"/fabricate-seed-linux-*; do
	root=$out/${binary##*-}
	mkdir -p "$root/etc/ssl/certs"
	mkdir -m 1777 "$root/tmp" # for the download; any user may write there
	install -m 755 "$binary" "$root/fabricate-seed"
	install -m 644 "$dist/licenses.txt" "$root/"
	install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
	find "$root" -exec touch -d "@$epoch" {} +
done

#!/usr/bin/env bash
# Writes the table of a release's binaries that native/action.yml trusts: table.sh VERSION DIST FILE [URL]
# URL is where the release's files are; by default the release of this version on GitHub.
set -euo pipefail

version=${1:?the version, as in v1.2.3}
dist=${2:?the folder with checksums.txt}
file=${3:?the file to write, native/release.json}
url=${4:-https://github.com/${GITHUB_REPOSITORY:-fabricate-seed/fabricate-seed}/releases/download/$version}

{
	printf '{\n  "version": "%s",\n  "url": "%s",\n  "files": {\n' "$version" "$url"
	awk '$2 !~ /\.json$/ { printf "%s    \"%s\": \"%s\"", sep, $2, $1; sep = ",\n" } END { print "" }' "$dist/checksums.txt"
	printf '  }\n}\n'
} >"$file.new"
mv "$file.new" "$file"

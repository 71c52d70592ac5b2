#!/usr/bin/env bash
# Writes version and checksums of a release into the GitLab component: component.sh VERSION DIST templates/seed.yml
set -euo pipefail

version=${1:?the version, as in v1.2.3}
dist=${2:?the folder with checksums.txt}
file=${3:?the component, templates/seed.yml}

default() { # default INPUT VALUE: in place of the empty one
	awk -v input="    $1:" -v value="$2" '
		/^    [^ ]/ { inside = $0 == input }
		inside && $0 == "      default: \"\"" { $0 = "      default: \"" value "\""; done++ }
		{ print }
		END { exit done != 1 }' "$file" >"$file.new" || { echo "$file has no input $1 that is empty" >&2; exit 1; }
	mv "$file.new" "$file"
}

default version "$version"
for arch in amd64 arm64; do
	default "sha256-$arch" "$(awk -v name="fabricate-seed-linux-$arch" '$2 == name { print $1 }' "$dist/checksums.txt")"
done

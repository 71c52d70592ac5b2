#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for the time given each: fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?the time for each target, as in 10s}
targets=0
while IFS=: read -r file name; do
	targets=$((targets + 1))
	printf '# %s %s\n' "$(dirname "$file")" "$name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")"
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' /dev/null | sed 's/:func /:/')
echo "$targets fuzz targets, $time each"

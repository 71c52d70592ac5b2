#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for the time given each: fuzz.sh 10s
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?the time for each target, as in 10s}
targets=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
while IFS=: read -r file name; do
	targets=$((targets + 1))
	printf '# %s %s\n' "$(dirname "$file")" "$name"
	if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$(dirname "$file")" 2>&1 | tee "$said"; then
		# Go's fuzzer fails a run whose time is up while a worker is at an input, and says nothing else then. What
		# has found something writes the input down.
		if grep -q 'Failing input written' "$said" || ! grep -qx ' *context deadline exceeded' "$said"; then
			exit 1
		fi
		echo "# $name: its time was up in the middle of an input, and it had found nothing"
	fi
done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]+' /dev/null | sed 's/:func /:/')
echo "$targets fuzz targets, $time each"

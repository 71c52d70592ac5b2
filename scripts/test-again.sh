#!/usr/bin/env bash
# Runs `make test` again and again, every other time beside a load that keeps each core busy: test-again.sh 20
#
# It prints a line for each run and one for each package with the seed of its order (`go test -shuffle=1699… ./internal/load` runs
# it in that order again), and goes on after a failure, whose output it shows.
set -euo pipefail
cd "$(dirname "$0")/.."

times=${1:?how many times}
log=$(mktemp)
busy=()

# release ends the load.
release() {
	if [ "${#busy[@]}" -gt 0 ]; then
		kill "${busy[@]}" 2>/dev/null || true
		wait "${busy[@]}" 2>/dev/null || true
		busy=()
	fi
}
trap 'release; rm -f "$log"' EXIT

failed=0
for run in $(seq "$times"); do
	beside=alone
	if [ $((run % 2)) = 0 ]; then
		beside='beside a load'
		for _ in $(seq "$(getconf _NPROCESSORS_ONLN)"); do
			(while :; do :; done) &
			busy+=($!)
		done
	fi
	start=$SECONDS verdict=ok
	make test >"$log" 2>&1 || verdict=FAILED
	release
	printf '%3d of %d, %s: %s in %d s\n' "$run" "$times" "$beside" "$verdict" $((SECONDS - start))
	if [ "$verdict" = ok ]; then
		grep '^ok' "$log" | sed 's/^/        /'
	else
		failed=$((failed + 1))
		cat "$log"
	fi
done
echo "$failed of $times runs failed"
[ "$failed" = 0 ]

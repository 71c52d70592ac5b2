#!/usr/bin/env bash
# Runs the tests that speak most with a server against several PostgreSQL versions: test-versions.sh [VERSION]...
# Each version's programs are those of postgres-tree.sh; one that cannot be had here is left out, and named. psql is the version's
# own. The scripts whose results are written for one psql to the byte go to the server by that one as well.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly not_here=75
packages=(./internal/conformance ./internal/load ./internal/faults)
versions=("$@")
[ ${#versions[@]} -gt 0 ] || versions=(14 15 16 17 18)

readonly oracle_version=15 # oracleVersion of internal/conformance
oracle=$(scripts/postgres-tree.sh $oracle_version 2>/dev/null) || oracle=
done=() left_out=() failed=()
for version in "${versions[@]}"; do
	code=0
	programs=$(scripts/postgres-tree.sh "$version") || code=$?
	case $code in
	0) ;;
	"$not_here") left_out+=("$version") && continue ;;
	*) exit "$code" ;;
	esac
	printf '\n==== %s\n' "$("$programs/postgres" --version)"
	done+=("$version")
	PATH=$programs:$PATH go run ./scripts/gotest -count=1 -shuffle=on -p 1 -timeout 15m "${packages[@]}" || code=1
	if [ -n "$oracle" ] && [ "$version" != "$oracle_version" ]; then
		PATH=$programs:$PATH ORACLE_PSQL=$oracle/psql \
			go run ./scripts/gotest -count=1 -shuffle=on -timeout 15m -run 'TestCorpus|TestGenerated' ./internal/conformance || code=1
	fi
	[ "$code" = 0 ] || failed+=("$version")
done

printf '\ntested: %s; left out, not to be had here: %s; failed: %s\n' "${done[*]:-none}" "${left_out[*]:-none}" "${failed[*]:-none}"
[ ${#failed[@]} = 0 ] && [ ${#done[@]} -gt 0 ]

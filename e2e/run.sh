#!/usr/bin/env bash
# Runs this repository's workflows and examples under act, with Docker: see README.md beside this file.
# Exit codes: 0 all is well, 1 something failed, 75 there is no Docker engine here (nothing was run).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly no_docker=75 # EX_TEMPFAIL of sysexits.h: not a failure of what was to be tested

if ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1; then
	echo 'e2e: needs a Docker engine, and none answers here. Nothing was run.' >&2
	exit $no_docker
fi

engine=$(docker context inspect --format '{{.Endpoints.docker.Host}}')
if [ "${engine#unix://}" = "$engine" ]; then
	echo "e2e: needs a Docker engine behind a Unix socket, not $engine. Nothing was run." >&2
	exit $no_docker
fi
engine=${engine#unix://}

[ -x bin/act ] || make bin/act
e2e/images.sh
e2e/simulator.sh

tmp=$(mktemp -d)
# The image as a release makes it, under the name that examples have.
arch=$(go env GOARCH)
release/build.sh v1.0.0 "$tmp/dist" "linux/$arch"
SOURCE_DATE_EPOCH=1 release/context.sh "$tmp/dist" "$tmp/context"
DOCKER_BUILDKIT=0 docker build -q --label fabricate-seed.e2e=true -f release/Dockerfile \
	--build-arg "TARGETARCH=$arch" --build-arg VERSION=1.0.0 --build-arg REVISION=none \
	-t ghcr.io/fabricate-seed/fabricate-seed:1 "$tmp/context" >/dev/null

go build -o "$tmp/jobnetwork" ./e2e/jobnetwork
mkfifo "$tmp/lifeline" # jobnetwork ends when this is closed
"$tmp/jobnetwork" "$tmp/docker.sock" "$engine" <"$tmp/lifeline" &
exec 3>"$tmp/lifeline"

cleanup() {
	exec 3>&-
	wait
	docker volume rm -f act-toolcache >/dev/null 2>&1 || true
	rm -rf "$tmp"
}
trap cleanup EXIT

for _ in $(seq 100); do
	[ -S "$tmp/docker.sock" ] && break
	sleep 0.1
done
code=0
E2E_ENGINE=$engine E2E_SOCKET=$tmp/docker.sock E2E_CONTEXT=$tmp/context E2E_DIST=$tmp/dist E2E_FAILED=$tmp/failed \
	go test -tags e2e -count=1 -v -timeout 60m ./e2e "$@" || code=$?
if [ -s "$tmp/failed" ]; then # once more, where whoever reads only the end of a long log finds it
	printf '\nThe ends of the logs of workflows that failed:\n'
	cat "$tmp/failed"
fi
exit $code

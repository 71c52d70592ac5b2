#!/usr/bin/env bash
# Builds the image of the simulated Fabricate API, for workflows that have it as a service.
set -euo pipefail
cd "$(dirname "$0")/.."

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o "$context/simulator" ./internal/simulator/cmd/simulator
mkdir "$context/tmp" # for the generated data
cat >"$context/Dockerfile" <<-'DOCKERFILE'
	FROM scratch
	COPY simulator /simulator
	COPY tmp /tmp
	EXPOSE 8080
	ENTRYPOINT ["/simulator"]
DOCKERFILE
DOCKER_BUILDKIT=0 docker build -q --label fabricate-seed.e2e=true -t fabricate-seed-e2e/simulator "$context" >/dev/null

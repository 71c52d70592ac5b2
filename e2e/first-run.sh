#!/usr/bin/env bash
# The README's two commands as a newcomer meets them: a fresh clone on a machine with Go, make and git, and no PostgreSQL.
#   first-run.sh [root|sudo|user ...]   by default all three
# root and an ordinary user who may use sudo need nothing else. A user who may not is told what to install, and needs no more than that.
# The machine is a container from the image golang:1.26 (images.sh makes a stand-in where no registry can be reached).
# PACKAGES are those that make test is asked for, by default all.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly image=fabricate-seed-e2e/fresh
packages=${PACKAGES:-./...}
if [ $# -eq 0 ]; then set -- root sudo user; fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
git bundle create -q "$tmp/repository" HEAD
docker image inspect golang:1.26 >/dev/null 2>&1 || e2e/images.sh
DOCKER_BUILDKIT=0 docker build -q --label fabricate-seed.e2e=true -t $image - >/dev/null <<'DOCKERFILE'
FROM golang:1.26
RUN apt-get update \
 && apt-get install -y --no-install-recommends git make sudo \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --shell /bin/bash other \
 && useradd --create-home --shell /bin/bash sudoer \
 && echo 'sudoer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/sudoer
ENV GOPATH=
DOCKERFILE

# shellcheck disable=SC2016 # expanded in the container
commands='
cd && git clone -q /repository fabricate-seed && cd fabricate-seed
make demo
make test PACKAGES="$PACKAGES"'

# run USER SCRIPT: as that user, in a new machine
run() {
	docker run --rm --init -e "PACKAGES=$packages" -v "$tmp/repository:/repository:ro" "$image" \
		bash -euo pipefail -c "$2" 2>&1 | sed -u "s/^/$1: /"
}

# as USER: gives the script that runs the commands as that user. (There is no password to be asked for.)
as() { printf 'su %s -c %q' "$1" "set -e; export PATH=$path PACKAGES='$packages'; $commands"; }
path=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin

for who in "$@"; do
	start=$SECONDS
	case $who in
	root) run root "$commands" ;;
	sudo) run sudo "$(as sudoer)" ;;
	user)
		# It has to say what to install, and that has to be enough.
		run user "$(as other | sed 's/^/if /'); then echo 'it does not say that PostgreSQL is missing'; exit 1; fi
			rm -rf /home/other/fabricate-seed
			apt-get update -qq && apt-get install -y -qq postgresql >/dev/null
			$(as other)"
		;;
	*)
		echo "first-run: $who is none of root, sudo and user" >&2
		exit 2
		;;
	esac
	printf 'first-run: %s: make demo and make test pass, %d s\n' "$who" $((SECONDS - start))
done

#!/usr/bin/env bash
# Makes sure of the images that the workflows name. Each is pulled where a registry can be reached; where none can, a
# stand-in of the same name is made from Debian's packages and this machine's Go. What is there already is kept.
#   images.sh          make what is missing
#   images.sh remove   remove the stand-ins and what was built on them
set -euo pipefail
cd "$(dirname "$0")/images"

readonly base=debian:trixie-slim
readonly suite=trixie
readonly label=fabricate-seed.e2e # carried by everything made here

have() { docker image inspect "$1" >/dev/null 2>&1; }

pulled() { # pulled IMAGE: is it here, or can a registry give it within a minute?
	have "$1" || timeout 60 docker pull -q "$1" >/dev/null 2>&1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

say() { printf 'images: %s\n' "$*"; }

build() { # build IMAGE FOLDER
	local start=$SECONDS
	DOCKER_BUILDKIT=0 docker build -q --label "$label=true" -t "$1" "$2" >/dev/null
	say "$1 built in $((SECONDS - start)) s"
}

# base_image makes a Debian root file system with debootstrap, from the mirror that this machine's apt uses.
base_image() {
	local start=$SECONDS mirror root
	# shellcheck disable=SC2016 # the placeholder is apt's
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
	if [ -z "$mirror" ]; then
		echo 'images: no registry can be reached, and apt knows no Debian mirror to make stand-ins from' >&2
		return 1
	fi
	if ! command -v debootstrap >/dev/null && [ ! -x /usr/sbin/debootstrap ]; then
		as_root apt-get update -qq
		as_root apt-get install -y -qq debootstrap >/dev/null
	fi
	root=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder is known now
	trap "as_root rm -rf '$root'" RETURN
	as_root env PATH="$PATH:/usr/sbin:/sbin" \
		debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >/dev/null
	as_root tar -C "$root" -c --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*_*' . |
		docker import -c "LABEL $label=true" - "$base" >/dev/null
	say "$base made in $((SECONDS - start)) s"
}

# go_image copies this machine's Go, through a named build context on standard input: GOROOT is not copied twice.
go_image() {
	local start=$SECONDS context bundle
	for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
		if [ -r "$bundle" ]; then break; fi
	done
	context=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf '$context'" RETURN
	cp golang/Dockerfile "$context/"
	cp "$bundle" "$context/ca-certificates.crt"
	tar -c -C "$context" Dockerfile ca-certificates.crt -C "$(dirname "$(go env GOROOT)")" \
		--transform "s,^$(basename "$(go env GOROOT)"),go," --exclude='*/test' "$(basename "$(go env GOROOT)")" |
		DOCKER_BUILDKIT=0 docker build -q --label "$label=true" -t golang:1.26 - >/dev/null
	say "golang:1.26 made in $((SECONDS - start)) s"
}

if [ "${1:-}" = remove ]; then
	docker images -q --filter "label=$label" | sort -u | xargs -r docker rmi -f >/dev/null
	exit
fi

if pulled "$base"; then :; else base_image; fi
if pulled postgres:17; then :; else build postgres:17 postgres; fi
if pulled golang:1.26; then :; else go_image; fi
if have fabricate-seed-e2e/runner; then :; else build fabricate-seed-e2e/runner runner; fi

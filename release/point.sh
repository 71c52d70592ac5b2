#!/usr/bin/env bash
# Makes an action.yml point at an image instead of the Dockerfile, so that users do not build it: point.sh action.yml IMAGE
set -euo pipefail

action=${1:?the file action.yml}
image=${2:?the image, as in ghcr.io/owner/name@sha256:...}

if [ "$(grep -c '^  image: Dockerfile$' "$action")" != 1 ]; then
	echo "$action does not have the one line with the Dockerfile" >&2
	exit 1
fi
sed -i "s|^  image: Dockerfile\$|  image: docker://$image|" "$action"

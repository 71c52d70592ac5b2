#!/usr/bin/env bash
# Tries what make e2e is for: faults in what is released, each put into a copy of this repository, of which the part of make e2e that is
# about it has to fail, with the words that say what is wrong.
#   mutations.sh [NAME ...]   by default all; the names are those below
# Exit codes are those of run.sh; 1 as well where a fault is not noticed.
set -euo pipefail
cd "$(dirname "$0")/.."

# fault NAME FILE SED-SCRIPT PART WORDS: one line each
faults() {
	fault no-certificates release/context.sh '/ca-certificates.crt/d' Test/https 'has no /etc/ssl/certs'
	# shellcheck disable=SC2016 # it is awk's
	fault changed-checksum release/table.sh 's/sep, $2, $1/sep, $2, substr($1, 2) "0"/' 'Test/workflow/native$' 'step seed: failure'
	fault missing-output action.yml '/^  rows:/,/description:/d' 'Test/workflow/step' 'declares the outputs'
	fault missing-output-native native/action.yml '/^  rows:/,/description:/d' 'Test/workflow/native$' 'declares the outputs'
}

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -co --exclude-standard -z | tar -c --null --ignore-failed-read -T - | tar -x -C "$copy"
mkdir -p "$copy/bin"
[ -x bin/act ] || make bin/act
cp bin/act "$copy/bin/"
git -C "$copy" init -q # run.sh and the test take what git lists
git -C "$copy" add -A
git -C "$copy" -c user.name=e2e -c user.email=e2e@example.org commit -qm 'What is to be tried'

wanted=" $* "
unnoticed=0
fault() {
	local name=$1 file=$2 script=$3 part=$4 words=$5 code=0
	if [ "$wanted" != '  ' ] && [[ "$wanted" != *" $name "* ]]; then return; fi
	sed -i "$script" "$copy/$file"
	if git -C "$copy" diff --quiet; then
		echo "mutations: $name changes nothing in $file any more" >&2
		exit 1
	fi
	"$copy/e2e/run.sh" -run "$part" >"$copy.log" 2>&1 </dev/null || code=$?
	case $code in
	0) echo "NOT noticed: $name ($file)"; unnoticed=1 ;;
	75) cat "$copy.log" >&2; exit 75 ;;
	*)
		if grep -qF -e "$words" "$copy.log"; then
			echo "noticed: $name ($file), by $part"
		else
			echo "NOT noticed: $name ($file): $part fails, but not for this:"
			tail -n 30 "$copy.log"
			unnoticed=1
		fi
		;;
	esac
	rm -f "$copy.log"
	git -C "$copy" checkout -q -- .
}
faults
exit $unnoticed

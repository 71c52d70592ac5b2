#!/usr/bin/env bash
# Puts the programs of another major version of PostgreSQL into a folder of their own, from the Debian release that has it, and
# prints that folder: postgres-tree.sh 17
#
# Nothing is installed, no rights are needed, and no script of a package runs: apt fetches the packages with everything they
# depend on, from the mirror that it is configured with; they are unpacked below bin/postgres; and each program of the server is
# a small script there that starts the real one with its own release's loader and libraries. A version that is installed on this
# machine already is taken as it is.
#
# Exit codes: 0 it is there, 75 it cannot be had here, and why is said on standard error.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly not_here=75 # EX_TEMPFAIL of sysexits.h

version=${1:?a major version of PostgreSQL, such as 17}

no() {
	echo "postgres-tree: PostgreSQL $version: $*" >&2
	exit $not_here
}

for folder in /usr/lib/postgresql/"$version"/bin /usr/pgsql-"$version"/bin /opt/homebrew/opt/postgresql@"$version"/bin; do
	if [ -x "$folder/postgres" ] && [ -x "$folder/psql" ]; then
		echo "$folder"
		exit
	fi
done

tree=$PWD/bin/postgres/$version
programs=$tree/usr/lib/postgresql/$version/bin
if [ -e "$tree/complete" ]; then
	echo "$programs"
	exit
fi

# The Debian releases that have a version; forky's next one is for those who want to know early.
case $version in
15) suite=bookworm ;;
17) suite=trixie ;;
18) suite=forky ;;
*) no 'no Debian release has it' ;;
esac
for program in apt-get dpkg-deb dpkg; do
	command -v "$program" >/dev/null || no "it is made from Debian's packages, and there is no $program"
done
# shellcheck disable=SC2016 # the placeholder is apt's
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
[ -n "$mirror" ] || no 'apt knows no Debian mirror'

rm -rf "$tree"
mkdir -p "$tree/apt/lists/partial" "$tree/apt/archives/partial"
trap 'rm -rf "$tree/apt"' EXIT
: >"$tree/apt/status" # nothing is installed there: libraries come along
cat >"$tree/apt/conf" <<CONF
Dir::State "$tree/apt";
Dir::State::status "$tree/apt/status";
Dir::Cache "$tree/apt";
Dir::Etc::sourcelist "$tree/apt/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Check-Valid-Until "false"; // a mirror may be a picture of an earlier day
APT::Sandbox::User "";
CONF
echo "deb $mirror $suite main" >"$tree/apt/sources.list"
{
	export APT_CONFIG=$tree/apt/conf
	echo "postgres-tree: fetching PostgreSQL $version from Debian $suite ..." >&2
	apt-get update -qq || no "Debian $suite cannot be read"
	apt-get install -qq -y --download-only --no-install-recommends \
		"postgresql-$version" "postgresql-client-$version" "libc-bin" || no "it cannot be fetched from Debian $suite"
} >&2
for package in "$tree"/apt/archives/*.deb; do
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" --keep-directory-symlink \
		--wildcards './usr/lib/*' './lib/*' './lib64/*' "./usr/share/postgresql/*" './usr/share/zoneinfo/*' 2>/dev/null || true
done

loader=$(find "$tree" -path "$tree/apt" -prune -o -name 'ld-linux-*.so.*' -print | head -n 1)
[ -n "$loader" ] || no 'its loader was not found'
libraries=$tree/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
mv "$programs" "$programs.real"
mkdir "$programs"
for real in "$programs.real"/*; do
	program=$programs/$(basename "$real")
	# --argv0: a program looks for others, and for its files, beside the path that it was started by.
	cat >"$program" <<-SCRIPT
		#!/bin/sh
		exec '$loader' --library-path '$libraries:${libraries/\/usr/}:$libraries/llvm' --argv0 "\$0" '$real' "\$@"
	SCRIPT
	chmod +x "$program"
done
"$programs/postgres" --version >&2 || no 'it does not start'
touch "$tree/complete"
echo "$programs"

#!/usr/bin/env bash
# Makes sure of the PostgreSQL server and client programs that the tests and the demo start for themselves. On Debian
# and Ubuntu they are installed where that is possible without a question, and no cluster is made or started; elsewhere
# it says what to install. The places looked at are those of internal/pgtest.
#
# With the argument pgbouncer also of that pooler, which tests load through. Where it cannot be installed they are skipped.
set -euo pipefail

# has_server FOLDER: the programs that the tests use are all there.
has_server() {
	local program
	for program in postgres initdb psql pg_dump; do
		[ -x "$1/$program" ] || return 1
	done
}

found() {
	local path folder
	if path=$(command -v postgres) && has_server "$(dirname "$(realpath "$path")")"; then
		return 0
	fi
	for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin /usr/libexec/postgresql* \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /opt/local/lib/postgresql*/bin \
		/Applications/Postgres.app/Contents/Versions/*/bin /usr/local/pgsql/bin; do
		if has_server "$folder"; then
			return 0
		fi
	done
	return 1
}

explain() {
	{
		echo 'PostgreSQL is needed: its server and client programs, no running server. Install it with'
		case "$(uname -s)" in
		Darwin) echo '    brew install postgresql@17' ;;
		*)
			if command -v apt-get >/dev/null; then
				echo '    sudo apt-get install postgresql'
			elif command -v dnf >/dev/null; then
				echo '    sudo dnf install postgresql-server postgresql'
			elif command -v apk >/dev/null; then
				echo '    sudo apk add postgresql postgresql-client'
			elif command -v pacman >/dev/null; then
				echo '    sudo pacman -S postgresql'
			else
				echo "    your system's package manager"
			fi
			;;
		esac
		echo 'or put the folder with postgres, initdb, psql and pg_dump on PATH; then run this again.'
	} >&2
	exit 1
}

has_pooler() { command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]; }

# as_root COMMAND...: run it with root's rights, where that takes no question.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		env "$@"
	elif sudo -n true 2>/dev/null; then
		sudo -n env "$@"
	else
		return 1
	fi
}

# install PACKAGE: without a question.
install() {
	as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq && as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
}

if ! found; then
	if ! command -v apt-get >/dev/null || ! as_root true; then
		explain
	fi
	echo 'Installing PostgreSQL (no cluster is made or started) ...' >&2
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		as_root mkdir -p /etc/postgresql-common/createcluster.d
		echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/no-main-cluster.conf >/dev/null
	fi
	install postgresql || explain
	found || explain
fi

if [ "${1-}" = pgbouncer ] && ! has_pooler && command -v apt-get >/dev/null && as_root true; then
	echo 'Installing PgBouncer (its service is not left running) ...' >&2
	install pgbouncer || echo 'PgBouncer cannot be installed: tests that load through it are skipped.' >&2
	if command -v systemctl >/dev/null; then
		as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || true
	fi
fi

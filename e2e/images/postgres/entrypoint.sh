#!/bin/bash
# Makes a cluster on the first start as POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB say, then becomes the server.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
	install -d -o postgres -g postgres -m 700 "$PGDATA"
	install -d -o postgres -g postgres -m 2775 /var/run/postgresql
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
		echo 'POSTGRES_PASSWORD is not set' >&2
		exit 1
	fi
	initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") --auth-local=trust \
		--auth-host="$method" --encoding=UTF8 >/dev/null
	echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
	# As the official image does: no TCP until the database is there, so that a client never finds half a server.
	pg_ctl -w -s -o "-c listen_addresses=''" start
	if [ "$database" != postgres ]; then
		createdb --username="$user" --maintenance-db=postgres -- "$database"
	fi
	pg_ctl -w -s -m fast stop
fi

if [ "${1:-}" = postgres ]; then
	shift
	set -- postgres -c listen_addresses='*' "$@"
fi
exec "$@"

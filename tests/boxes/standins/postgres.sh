#!/bin/sh
# Stands in for the entry point of the image `postgres`: the same variables, the same folders, the programs of Debian's
# package. LIAISON_POSTGRES names their folder.
set -eu
PATH=$LIAISON_POSTGRES:$PATH
if ! test -s "$PGDATA/PG_VERSION"; then
    initdb $POSTGRES_INITDB_ARGS --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" -D "$PGDATA" > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl start -w -s -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=/tmp"
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl stop -w -s -D "$PGDATA"
fi
# Not in /run/postgresql: podman lays a tmpfs of its own, which is root's, over /run of a container with a read-only root.
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp

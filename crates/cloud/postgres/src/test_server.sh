# Runs a PostgreSQL server in a directory of its own until standard input ends, whatever ends the process at its other end, and
# removes the directory then. Prints the directory when the server accepts connections; its programs are in `bin` there.
# It is run as `sh -c TEXT TEXT OPTION...` with the text of this file, once as what is run and once as its name.
set -eu
umask 077

# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- sh -c "$0" "$0" "$@"
fi

# Those of the newest version that is installed.
programs=
for initdb in $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V); do
    programs=${initdb%/initdb}
done
if [ -z "$programs" ]; then
    echo "PostgreSQL is not installed: run \`cargo xtask setup\`, or install postgresql" >&2
    exit 1
fi

# Directories of those that were killed themselves.
for old in /tmp/gumnut-postgres.*; do
    if ! [ -O "$old" ] || ! [ -f "$old/supervisor" ] || kill -0 "$(cat "$old/supervisor")" 2>/dev/null; then
        continue
    fi
    "$programs/pg_ctl" -D "$old/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$old"
done

directory=$(mktemp -d /tmp/gumnut-postgres.XXXXXX)
echo $$ >"$directory/supervisor"
ln -s "$programs" "$directory/bin"
trap 'rm -rf "$directory"' EXIT
trap '' INT TERM HUP

failed() {
    cat "$directory/log" >&2
    exit 1
}
"$programs/initdb" -D "$directory/data" -U gumnut -A trust --no-locale -E UTF8 --no-sync >"$directory/log" 2>&1 || failed
{
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$directory'"
    echo "max_connections = 400"
    echo "shared_buffers = 32MB"
    for option in "$@"; do
        echo "$option"
    done
} >>"$directory/data/postgresql.conf"
"$programs/pg_ctl" -D "$directory/data" -l "$directory/log" -w start >/dev/null 2>&1 </dev/null || failed

echo "$directory"
exec >/dev/null
cat
"$programs/pg_ctl" -D "$directory/data" -m immediate -w stop 2>/dev/null || true

# What the scripts beside this file share: where servers live, free ports, starting, stopping.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
servers=${STATETOOL_SERVERS:-${CARGO_TARGET_DIR:-$root/target}/test-servers}
mkdir -p "$servers"

# A port of the loopback interface on which nothing listens.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# launch NAME COMMAND...: starts a server that outlives the script, and remembers its process.
launch() {
    local name=$1
    shift
    stop "$name"
    nohup "$@" >"$servers/$name.log" 2>&1 </dev/null &
    echo $! >"$servers/$name.pid"
}

# stop NAME: ends the server that `launch` remembered, and no other process.
stop() {
    local pid
    pid=$(cat "$servers/$1.pid" 2>/dev/null) || return 0
    rm -f "$servers/$1.pid"
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

# await NAME SECONDS TEST...: waits until TEST succeeds, or shows the log.
await() {
    local name=$1 seconds=$2
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        "$@" 2>/dev/null && return
        kill -0 "$(cat "$servers/$name.pid")" 2>/dev/null || break
        sleep 0.2
    done
    echo "$name does not start; the end of $servers/$name.log:" >&2
    tail -n 30 "$servers/$name.log" >&2
    stop "$name"
    return 1
}

usage() {
    # The head of the calling script is its help.
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

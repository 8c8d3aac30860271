# What the scripts beside this file share: where servers live, free ports, starting, stopping.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# What was built or fetched, which is worth keeping.
programs=${STATETOOL_SERVERS:-${CARGO_TARGET_DIR:-$root/target}/test-servers}
# In there too, what a running server writes; `stop` removes it.
mkdir -p "$programs/running"
programs=$(cd "$programs" && pwd)
running=$programs/running

# A port of the loopback interface on which nothing listens.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

listening() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port")
}

# fresh NAME: ends a server of that name, and gives it an empty directory, which it prints.
fresh() {
    stop "$1"
    mkdir -p "$running/$1/tmp"
    echo "$running/$1"
}

# launch NAME COMMAND...: starts a server that outlives the script, and remembers its process.
launch() {
    local name=$1
    shift
    (cd "$running/$name" && TMPDIR=$running/$name/tmp exec nohup "$@" >log 2>&1 </dev/null) &
    echo $! >"$running/$name/pid"
}

# stop NAME: ends the server that `launch` remembered, no other process, and removes its files.
stop() {
    local pid
    if pid=$(cat "$running/$1/pid" 2>/dev/null) && kill "$pid" 2>/dev/null; then
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    fi
    rm -rf "${running:?}/$1"
}

# await NAME SECONDS TEST...: waits until TEST succeeds, or shows the log.
await() {
    local name=$1 seconds=$2
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        "$@" 2>/dev/null && return
        kill -0 "$(cat "$running/$name/pid")" 2>/dev/null || break
        sleep 0.2
    done
    echo "$name does not start; the end of its log:" >&2
    tail -n 30 "$running/$name/log" >&2
    stop "$name"
    return 1
}

# go_install DIRECTORY PACKAGE@VERSION: builds a Go program into a directory, with a toolchain from the module proxy
# where that of the machine is too old to fetch one by itself.
go_install() {
    local go=go toolchain=v0.0.1-go1.26.8.linux-$(dpkg --print-architecture 2>/dev/null || echo amd64) minor
    minor=$(go env GOVERSION | sed 's/^go1\.\([0-9]*\).*/\1/')
    if ((minor < 21)); then
        go=$(go env GOMODCACHE)/golang.org/toolchain@$toolchain
        # Modules have no permissions to execute, and are read-only.
        (cd / && go mod download "golang.org/toolchain@$toolchain" && chmod -R u+w "$go" && chmod -R +x "$go/bin" "$go/pkg/tool") >&2
        go=$go/bin/go
    fi
    echo "building $2" >&2
    mkdir -p "$1"
    GOBIN=$1 GOFLAGS=-modcacherw nice "$go" install "$2" >&2
}

usage() {
    # The head of the calling script is its help.
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

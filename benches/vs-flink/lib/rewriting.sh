# What makes snapshots of snapshots. Sourced by `run`.
#
# Everything is written to $written, on the disk of the snapshots. After each round the entries of each state are counted
# there, behind the last one every entry is decoded and every key hashed; then it is deleted.

# rewriting DIRECTORY: two tables of works on the snapshots of a size.
rewriting() {
  local canonical=$1/canonical
  measured=$canonical
  begin "rewriting the canonical savepoint" "$(bytes "$measured")"
  expected="last-order=$entries"
  copied "$canonical"
  flinks "new uid" "hashmap" "$canonical" --rename purchases
  rewrites '`rewrite --rename-operator`' rewrite "$canonical" --rename-operator orders=uid:purchases

  no_baseline
  flinks "max parallelism" "hashmap rocksdb" "$canonical" --max-parallelism 512
  rewrites '`rewrite --max-parallelism`' rewrite "$canonical" --max-parallelism 512
  # The State Processor API writes canonical savepoints only: the same job, but for the layout.
  rewrites '`rewrite --type native --backend rocksdb`' rewrite "$canonical" --type native --backend rocksdb
  rewrites '`rewrite --type native --backend hashmap`' rewrite "$canonical" --type native --backend hashmap
  end

  measured=$(echo "$1"/checkpoints/*)
  local checkpoint
  checkpoint=$(echo "$measured"/chk-*)
  begin "rewriting the incremental RocksDB checkpoint" "$(bytes "$measured")"
  flinks "canonical" "rocksdb" "$checkpoint"
  rewrites '`rewrite --type canonical`' rewrite "$checkpoint" --type canonical
  compared "$canonical" "$checkpoint"
  end
}

# rewriting_two_states DIRECTORY: a table of works on a savepoint of two states, of which the second has a TTL.
rewriting_two_states() {
  local half at
  measured=$1/canonical
  half=$(cat "$1/half")
  begin "rewriting the canonical savepoint of two states" "$(bytes "$measured")"
  expected="last-order=$entries"
  flinks "leave a state out" "hashmap rocksdb" "$measured"
  rewrites '`rewrite --drop-state`' rewrite "$measured" --drop-state orders/seen

  no_baseline
  expected="last-order=$entries seen=$((entries - entries / 2))"
  flinks "leave old values of a state out" "hashmap rocksdb" "$measured" --seen-after "$half"
  # With a TTL of a day, a day after the first half was put.
  at=$(date -u -d "@$((half / 1000 + 86400)).$(printf '%03d' $((half % 1000)))" +%FT%T.%3NZ)
  rewrites '`compact --ttl`' compact "$measured" --ttl 1d --at "$at"
  end
}

# copied SNAPSHOT: its files, copied to where others write them, and brought to the disk as they do.
copied() {
  before=fresh after=checked measure /dev/null sh -c 'cp -r "$1" "$2" && sync "$2"/*' copied "$1" "$written"
  row '`cp`, and `fsync`' "$found" "$total"
}

# flinks WHAT BACKENDS SNAPSHOT OPTION...: the State Processor API with each backend setting.
flinks() {
  [ $with_flink = yes ] || return 0
  local what=$1 backends=$2 snapshot=$3 backend
  shift 3
  [[ -z $flink_backend || " $backends " != *" $flink_backend "* ]] || backends=$flink_backend
  for backend in $backends; do
    before=fresh after=checked flink Rewrite "$backend" "file://$snapshot" "file://$written" "$scratch/flink" "$@"
    if [ $ended = yes ]; then
      row "State Processor API, $what ($backend), ended" "$entries"
      rm -rf "$written"
    else
      row "State Processor API, $what ($backend)" "$found" "$total"
    fi
  done
}

# rewrites NAME COMMAND SNAPSHOT OPTION...: a command of statetool that makes a new snapshot.
rewrites() {
  local name=$1 command=$2 snapshot=$3
  shift 3
  has "$command" || return 0
  before=fresh after=checked measure /dev/null "$statetool" --quiet "$command" "$snapshot" -o "$written" "$@"
  row "$name" "$found" "$total"
}

# compared A B: has to find that they hold the same.
compared() {
  has diff || return 0
  no_baseline
  if [ -n "$count_canonical" ] && [ -n "$count_checkpoint" ]; then
    baseline_wall=$(awk "BEGIN { print $count_canonical + $count_checkpoint }")
    baseline_ended=$counts_ended
  fi
  # Of both files.
  local one=$size
  size=$((size + $(bytes "$1")))
  measure "$scratch/out" "$statetool" --quiet diff --summary --format json "$1" "$2"
  row '`diff` of both snapshots (Flink: counting both)' "$(number equal "$scratch/out")"
  size=$one
}

# has COMMAND: whether the binary knows it.
has() {
  "$statetool" --help | grep -q "^  $1 " && return 0
  say "left out: this statetool has no \`$1\`"
  return 1
}

# fresh: nothing is there, and nothing of what others have written waits for the disk.
fresh() {
  rm -rf "$written"
  sync -f "$scratch"
}

# checked: leaves in $found how many entries were written, or, if they are not the expected ones, those of each state.
checked() {
  found=$("$statetool" --quiet inspect --stats --format jsonl "$written" \
    | sed -n 's/.*"state":"\([^"]*\)".*"ttl":[a-z]*,"entries":\([1-9][0-9]*\),.*/\1=\2/p' | sort | paste -sd' ')
  total=$(tr ' ' '\n' <<< "$expected" | awk -F= '{ n += $2 } END { print n }')
  if [ "$found" = "$expected" ]; then
    found=$total
  fi
  if [ "$round" = "$rounds" ]; then
    "$statetool" --quiet verify --deep "$written" > "$scratch/findings" || {
      cat "$scratch/findings" >&2
      say "verify --deep found damage"
      disagree=yes
    }
  fi
  rm -rf "$written"
}

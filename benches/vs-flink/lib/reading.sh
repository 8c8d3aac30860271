# What reads snapshots. Sourced by `run`.

# reading DIRECTORY: two tables of works on the snapshots of a size.
reading() {
  local job checkpoint
  measured=$1/canonical
  begin "canonical savepoint" "$(bytes "$measured")"
  count hashmap "$measured"
  count rocksdb "$measured"
  count_canonical=$baseline_wall
  counts_ended=$baseline_ended
  statetools "$measured"
  end

  measured=$(echo "$1"/checkpoints/*)
  checkpoint=$(echo "$measured"/chk-*)
  begin "incremental RocksDB checkpoint" "$(bytes "$measured")"
  # The HashMap setting refuses the files of an incremental RocksDB checkpoint.
  count rocksdb "$checkpoint"
  count_checkpoint=$baseline_wall
  [ $baseline_ended = no ] || counts_ended=yes
  statetools "$checkpoint"
  sst_dumps "$measured"
  end
}

# count BACKEND SNAPSHOT: with the State Processor API.
count() {
  [ $with_flink = yes ] || return 0
  flink Count "$1" "file://$2" "$scratch/flink"
  if [ $ended = yes ]; then
    row "State Processor API, count ($1), ended" "$entries"
  else
    row "State Processor API, count ($1)" "$(tail -n 1 "$scratch/out")"
  fi
}

# statetools SNAPSHOT
statetools() {
  measure "$scratch/out" "$statetool" --quiet inspect --stats --format json "$1"
  row '`inspect --stats`' "$(number entries "$scratch/out")"
  measure "$scratch/out" "$statetool" --quiet verify --format json "$1"
  row '`verify` (raw scan)' "$(number entries "$scratch/out")"
  measure "$scratch/out" "$statetool" --quiet verify --deep --format json "$1"
  row '`verify --deep`' "$(number entries "$scratch/out")"
  measure /dev/null "$statetool" --quiet cat --format jsonl "$1"
  row '`cat --format jsonl`' "$("$statetool" --quiet cat --format jsonl "$1" | wc -l)"
}

# sst_dumps CHECKPOINTS: the same files, under names that sst_dump takes for tables.
sst_dumps() {
  local number=0 file
  mkdir -p "$scratch/tables"
  for file in "$1"/shared/*; do
    # The manifest is among the shared files; what ends with a table's magic number is a table.
    [ "$(tail -c 8 "$file" | od -An -tx1 | tr -d ' ')" = f7cff485b741e288 ] || continue
    number=$((number + 1))
    ln -s "$file" "$scratch/tables/$(printf '%06d.sst' $number)"
  done
  # `check` goes through all entries and prints none of them.
  measure "$scratch/out" sst_dump --file="$scratch/tables" --command=check --verify_checksum
  row '`sst_dump --command=check`' "$(table_entries)"
  measure "$scratch/out" sst_dump --file="$scratch/tables" --command=scan
  row '`sst_dump --command=scan`' "$(grep -c ' => ' "$scratch/out")"
  rm -rf "$scratch/tables"
}

table_entries() {
  sst_dump --file="$scratch/tables" --command=none --show_properties | sed -n 's/.*# entries: *//p' | awk '{ n += $1 } END { print n }'
}

# inspects: how long `inspect` without a scan takes on the snapshots that ship with the project.
inspects() {
  local metadata fixture written begin micros slowest=0 name= count=0
  while IFS= read -r -d '' metadata; do
    # Checkpoints name files by the absolute paths that they had.
    fixture=${metadata%/snapshot/*}
    written=$(sed -n 's/.*"written_to":"\([^"]*\)".*/\1/p' "$fixture/fixture.json")
    local call=("$statetool" --quiet inspect --relocate "$written=$fixture/snapshot" "$metadata")
    "${call[@]}" > /dev/null
    begin=${EPOCHREALTIME/./}
    "${call[@]}" > /dev/null
    micros=$((${EPOCHREALTIME/./} - begin))
    count=$((count + 1))
    if [ $micros -gt $slowest ]; then
      slowest=$micros
      name=${fixture#"$repository"/fixtures/}
    fi
  done < <(find "$repository/fixtures" -name _metadata -print0)
  printf '\n`inspect` without a scan: at most %s ms on %s fixtures (%s)\n' "$(awk "BEGIN { printf \"%.1f\", $slowest / 1000 }")" "$count" "$name"
}

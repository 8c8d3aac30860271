# Measuring, and the rows of tables. Sourced by `run`.

say() { printf '%s\n' "$*" >&2; }

# field FILE N: one of `wall user sys KiB`.
field() { cut -d' ' -f"$2" "$1"; }

# bytes DIRECTORY: of all files but the metadata.
bytes() { find "$1" -type f ! -name _metadata -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f\n", n }'; }

# number NAME FILE: the first number of that name in a JSON document.
number() { grep -o "\"$1\": *[0-9][0-9]*" "$2" | head -n 1 | grep -o '[0-9]*$'; }

# measure OUTPUT COMMAND...: does it $rounds times, with the files of $measured in the page cache; leaves the median
# round in $scratch/measured. Calls $before before each round and $after behind it, which cost nothing.
before=:
after=:
measure() {
  local output=$1 round
  shift
  : > "$scratch/rounds"
  for round in $(seq "$rounds"); do
    local status=0
    "$before"
    find "$measured" -type f -exec cat {} + > /dev/null
    /usr/bin/time -q -o "$scratch/time" -f '%e %U %S %M' "$@" > "$output" 2> "$scratch/errors" || status=$?
    if [ $status = 124 ]; then
      # Ended by `timeout`: one round is enough.
      tail -n 1 "$scratch/time" > "$scratch/measured"
      ended=yes
      return
    elif [ $status != 0 ]; then
      cat "$scratch/errors" >&2
      say "failed: $*"
      exit 1
    fi
    "$after"
    cat "$scratch/time" >> "$scratch/rounds"
  done
  ended=no
  sort -g "$scratch/rounds" | sed -n "$(((rounds + 1) / 2))p" > "$scratch/measured"
}

# baseline: the measured work is what others are compared with, if it is faster than what was before.
baseline_wall=
baseline_ended=no
baseline() {
  local wall
  wall=$(field "$scratch/measured" 1)
  if [ -z "$baseline_wall" ] || awk "BEGIN { exit !($wall < $baseline_wall) }"; then
    baseline_wall=$wall
    baseline_ended=$ended
  fi
}

# no_baseline: what comes is compared with nothing that was before.
no_baseline() {
  baseline_wall=
  baseline_ended=no
}

# begin NAME BYTES: a table, of works on so many bytes.
begin() {
  table=$1
  size=$2
  rows=()
  no_baseline
}

# row NAME ENTRIES [EXPECTED]: a row of the table; checks the entries, which are $entries unless it is said.
row() {
  local expected=${3:-$entries} verdict= more= wall user sys kib
  read -r wall user sys kib < "$scratch/measured"
  if [ "$2" != "$expected" ]; then
    verdict=" (not $expected)"
    disagree=yes
  fi
  if [ $baseline_ended = yes ] && [ $ended = no ]; then
    more='> '
  fi
  rows+=("$(awk -v name="$1" -v found="$2$verdict" -v bytes="$size" -v wall="$wall" -v cpu="$user" -v sys="$sys" -v kib="$kib" \
    -v base="${baseline_wall:-0}" -v more="$more" '
    BEGIN {
      cpu += sys
      printf "| %s | %.2f | %.2f | %.1f | %.0f | %.0f | %s | %s |\n", name, wall, cpu, (wall > 0 ? cpu / wall : 0), kib / 1024, \
        (cpu > 0 ? bytes / cpu / 1e6 : 0), found, (base > 0 && wall > 0 ? sprintf("%s%.1f", more, base / wall) : "–")
    }')")
}

# end: prints the table.
end() {
  printf '\n### %s: %s entries, %s MB\n\n' "$table" "$entries" "$(awk "BEGIN { printf \"%.0f\", $size / 1e6 }")"
  printf '| work | wall s | CPU s | CPU/wall | peak MiB | MB/s a core | entries | times as fast as Flink |\n'
  printf '|---|---:|---:|---:|---:|---:|---:|---:|\n'
  printf '%s\n' "${rows[@]}"
}

# flink CLASS ARGUMENTS...: measures a job of the State Processor API, until nobody has the patience.
flink() {
  local class=$1
  shift
  rm -rf "$scratch/flink"
  mkdir -p "$scratch/flink"
  rounds=$flink_rounds measure "$scratch/out" timeout "$patience" "${java_command[@]}" "statetool.bench.$class" "$@"
  rm -rf "$scratch/flink"
  baseline
}

#!/usr/bin/env bash
# CPU time of a cold build of a crate that depends on agentcred-macros alone, against one that
# depends on rmcp-macros. Both are measured in this run, one after the other, and the medians are
# printed. Ends with 1 when ours costs more.
#
#     benches/macro_cold_build.sh [rounds]        (default 5)
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-5}
rival="rmcp-macros"
rival_version="=3.11.0"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
unset RUSTC_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_TARGET_DIR

# A crate with one dependency, in a workspace of its own.
crate() { # name, dependency
  mkdir -p "$scratch/$1/src"
  echo '//! Nothing but its dependency.' > "$scratch/$1/src/lib.rs"
  printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n%s\n' "$1" "$2" \
    > "$scratch/$1/Cargo.toml"
  cargo fetch --quiet --manifest-path "$scratch/$1/Cargo.toml"
}

# Seconds of CPU, of user and system, in all processes of one cold build.
measure() { # name
  rm -rf "$scratch/$1/target"
  local TIMEFORMAT='%U %S'
  { time cargo build --quiet --offline --manifest-path "$scratch/$1/Cargo.toml" 2>"$scratch/log" || cat "$scratch/log" >&2; } 2>&1 \
    | awk '{ printf "%.2f\n", $1 + $2 }'
}

median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

crate ours "agentcred-macros = { path = \"$PWD/agentcred-macros\" }"
crate theirs "$rival = \"$rival_version\""

for round in $(seq "$rounds"); do
  measure ours >> "$scratch/ours.cpu"
  measure theirs >> "$scratch/theirs.cpu"
  printf 'round %s: agentcred-macros %s s, %s %s s\n' \
    "$round" "$(tail -1 "$scratch/ours.cpu")" "$rival" "$(tail -1 "$scratch/theirs.cpu")"
done

ours=$(median < "$scratch/ours.cpu")
theirs=$(median < "$scratch/theirs.cpu")
packages() { grep -c '^name = ' "$scratch/$1/Cargo.lock"; }
printf '\n%-18s %8s %9s\n' "cold build" "CPU s" "packages"
printf '%-18s %8s %9s\n' "agentcred-macros" "$ours" "$(($(packages ours) - 1))" "$rival ${rival_version#=}" "$theirs" "$(($(packages theirs) - 1))"
awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { exit !(ours <= theirs) }'

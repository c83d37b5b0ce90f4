#!/usr/bin/env bash
# Shared by ./check, ./demo and ./bench: installs what is missing, builds, makes packages, and says how long each step took.
# Sourced, not run; the current directory is the project's root.

export DEBIAN_FRONTEND=noninteractive
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-3G}
# What one checkout compiled another need not: paths below the root are taken as relative.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
# As its manual has it for precompiled headers.
export CCACHE_SLOPPINESS=pch_defines,time_macros

# step TEXT COMMAND...: runs it, prints TEXT and its time; a failure ends the script with the command's code. The command
# runs in the condition of an if, where set -e does not reach: functions given to it chain with &&.
step() {
  local text=$1 start=$SECONDS code=0
  shift
  printf '\n== %s\n' "$text"
  "$@" || code=$?
  if [ "$code" -ne 0 ]; then
    printf '== %s: FAILED with %d after %d s\n' "$text" "$code" $((SECONDS - start)) >&2
    exit "$code"
  fi
  printf '== %s: %d s\n' "$text" $((SECONDS - start))
}

# The names in lists of packages, without comments.
read_packages() { sed 's/#.*//' "$@" | tr -s ' \t' '\n' | grep . | sort -u; }

# install_packages LIST...: those that are missing. Says nothing if there are none.
install_packages() {
  local missing log=build/apt.log
  missing=$(comm -23 <(read_packages "$@") \
    <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^.i //p' | sort -u))
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    printf 'Packages are missing, and only root can install them:\n  apt-get install --no-install-recommends %s\n' \
      "$(tr '\n' ' ' <<<"$missing")" >&2
    return 1
  fi
  printf 'installing %s\n' "$(tr '\n' ' ' <<<"$missing")"
  mkdir -p build
  # shellcheck disable=SC2086  # a list of words
  if ! { apt-get update -q && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 $missing; } >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    return 1
  fi
}

configure() {
  mkdir -p build
  cmake --preset "$1" >"build/configure-$1.log" 2>&1 || { cat "build/configure-$1.log" >&2; return 1; }
}

# build PRESET [TARGET...]
build() {
  local preset=$1 words=()
  shift
  [ $# -eq 0 ] || words+=(--target "$@")
  [ -t 1 ] || words+=(-- --quiet)  # a line for each file helps nobody in a log
  configure "$preset" && cmake --build --preset "$preset" "${words[@]}"
}

# The three .deb files, in build/packages.
make_packages() {
  build release || return 1
  rm -rf build/packages
  (cd build/release && cpack -B ../packages) >build/cpack.log 2>&1 || { cat build/cpack.log >&2; return 1; }
  rm -rf build/packages/_CPack_Packages
  ls -l build/packages
}

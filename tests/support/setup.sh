# Shared by ./check and ./demo: installs what is missing, builds, packages, and says how long each step took.
# Sourced, not run; the current directory is the project's root.

export DEBIAN_FRONTEND=noninteractive
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-3G}

# step TEXT COMMAND...: runs it, prints TEXT and its time; a failure ends the script with the command's code.
step() {
  local text=$1 start=$SECONDS code=0
  shift
  printf '== %s\n' "$text"
  "$@" || code=$?
  if [ "$code" -ne 0 ]; then
    printf '== %s: FAILED (exit %d, %d s)\n' "$text" "$code" $((SECONDS - start)) >&2
    exit "$code"
  fi
  printf '== %s: %d s\n' "$text" $((SECONDS - start))
}

# The names in lists of packages, without comments.
read_packages() { sed 's/#.*//' "$@" | tr -s ' \t' '\n' | grep . | sort -u; }

install_packages() {
  local missing
  missing=$(comm -23 <(read_packages "$@") \
    <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^ii //p' | sort -u))
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    printf 'these packages are missing and only root can install them:\n%s\n' "$missing" >&2
    return 1
  fi
  apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  mkdir -p build
  cmake --preset "$preset" >"build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log"; return 1; }
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# The three .deb files, in build/packages.
make_packages() {
  build release
  rm -rf build/packages
  (cd build/release && cpack -B "$PWD/../packages" >../cpack.log 2>&1) || { cat build/cpack.log; return 1; }
  rm -rf build/packages/_CPack_Packages
  ls -l build/packages
}

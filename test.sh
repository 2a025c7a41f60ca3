#!/usr/bin/env bash
# Installs what is missing, builds, runs every test. The last line is "N passed, N failed, N skipped".
#   ./test.sh               everything
#   ./test.sh Lab Wire      only the projects whose name contains one of the words
set -uo pipefail
cd -P -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" || exit 1

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 PATH="$PATH:/usr/sbin:/sbin"
passed=0 failed=0 skipped=0
finish() { echo "$passed passed, $failed failed, $skipped skipped"; [ "$failed" -eq 0 ]; exit; }
stop()   { echo "$1" >&2; failed=$((failed + 1)); finish; }

./eng/install.sh test || stop "The packages above could not be installed."

echo "Building"
# One compiler process for all projects, whatever the environment says: four times as quick. It must not outlive us.
dotnet build Hnv.slnx -c Release -v q -nologo -p:UseSharedCompilation=true || stop "The build failed."
dotnet build-server shutdown --vbcscompiler >/dev/null 2>&1 || true

# Pure rooms first, they are quick and say the most; whatever makes namespaces or starts daemons comes after, whole labs last.
quick=() slow=() labs=()
for directory in tests/*/; do
  name=$(basename "$directory")
  [ -f "$directory/$name.csproj" ] || continue
  ! grep -q '<IsTestProject>false' "$directory/$name.csproj" || continue     # shared by the tests, holds none
  case "$name" in
    Hnv.Scenarios)                                              labs+=("$name") ;;
    Hnv.Linux.*|Hnv.Dataplane.*|Hnv.Ovsdb.*|Hnv.HostAgent.*|Hnv.Controller.*|Hnv.Lab.*) slow+=("$name") ;;
    *)                                                          quick+=("$name") ;;
  esac
done

chosen() { # no words: everything
  [ "$#" -gt 1 ] || return 0
  local name=$1 word; shift
  for word in "$@"; do [[ $name != *"$word"* ]] || return 0; done
  return 1
}

log=$(mktemp); child=
trap 'rm -f "$log"' EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 130' INT TERM
for name in "${quick[@]}" "${slow[@]}" ${labs[@]+"${labs[@]}"}; do
  chosen "$name" "$@" || continue
  [ ! -t 1 ] || printf '  %-28s ...\r' "$name"
  started=$SECONDS
  dotnet test "tests/$name/$name.csproj" -c Release --no-build -nologo -v q --logger 'console;verbosity=minimal' --blame-hang-timeout 10m \
    --results-directory "artifacts/test-results/$name" >"$log" 2>&1 &
  child=$!
  wait "$child"; code=$?
  child=
  summary=$(grep -aoE 'Failed: +[0-9]+, Passed: +[0-9]+, Skipped: +[0-9]+' "$log" | tail -1)
  if [ -n "$summary" ]; then
    read -r f p s <<<"$(tr -dc '0-9 \n' <<<"$summary")"
  elif grep -q 'No test is available' "$log" && [ "$code" -eq 0 ]; then
    f=0 p=0 s=0
  else
    f=1 p=0 s=0       # it did not get as far as counting
  fi
  [ "$code" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '  %-28s %5d passed %4d failed %4d skipped %5ds\n' "$name" "$p" "$f" "$s" "$((SECONDS - started))"
  [ "$f" -eq 0 ] || sed 's/^/    /' "$log"
done
finish

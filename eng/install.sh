#!/usr/bin/env bash
# Installs the Debian packages that a command of OpenHNV needs and the machine lacks.
#   eng/install.sh test|demo|all
# Says what it installs; when nothing is missing it does and says nothing. Services that come with the packages are not
# started and not enabled (we start our own ovsdb-server, PostgreSQL and key distribution centre); services that already run are left alone.
set -euo pipefail

# program : package that has it
common=(ip:iproute2 nsenter:util-linux ovsdb-server:openvswitch-switch ovsdb-client:openvswitch-common ovsdb-tool:openvswitch-common
        tcpdump:tcpdump ping:iputils-ping clang:clang /usr/include/bpf/bpf_helpers.h:libbpf-dev "/usr/lib/*/libbpf.so.1":libbpf1)
test_only=(traceroute:traceroute arping:iputils-arping iperf3:iperf3 ethtool:ethtool python3:python3 dhclient:isc-dhcp-client nft:nftables
           krb5kdc:krb5-kdc kadmin.local:krb5-admin-server kinit:krb5-user curl:curl openssl:openssl "/usr/lib/*/libgssapi_krb5.so.2":libgssapi-krb5-2)
demo_only=(psql:postgresql-client /usr/lib/postgresql/*/bin/postgres:postgresql /usr/bin/python3:python3 curl:curl)

case "${1:-all}" in
  test) wanted=("${common[@]}" "${test_only[@]}") ;;
  demo) wanted=("${common[@]}" "${demo_only[@]}") ;;
  all)  wanted=("${common[@]}" "${test_only[@]}" "${demo_only[@]}") ;;
  *)    echo "usage: eng/install.sh test|demo|all" >&2; exit 2 ;;
esac

PATH="$PATH:/usr/sbin:/sbin"
present() { # a name is looked for on the PATH, a pattern in the file system
  case "$1" in
    /*) compgen -G "$1" >/dev/null ;;
    *)  command -v "$1" >/dev/null ;;
  esac
}

missing=()
for pair in "${wanted[@]}"; do
  program=${pair%%:*} package=${pair#*:}
  present "$program" || [[ " ${missing[*]-} " == *" $package "* ]] || missing+=("$package")
done
if [[ "${1:-all}" != test ]] && ! /usr/bin/python3 -c 'import psycopg2' 2>/dev/null; then
  missing+=(python3-psycopg2)
fi
if ! command -v dotnet >/dev/null; then
  echo "The .NET 10 SDK is missing: install it so that 'dotnet --version' works (https://dotnet.microsoft.com/download)." >&2
  exit 1
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Missing: ${missing[*]} (Debian's names). This is not a Debian or Ubuntu machine: install them with its own package manager." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Missing: ${missing[*]}. Run this as root, or install them: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "Installing: ${missing[*]}"

# Nothing that we install may start by itself. Each file is put back as it was, also after an interrupted earlier run.
policy=/usr/sbin/policy-rc.d policy_saved=/usr/sbin/policy-rc.d.before-openhnv
no_cluster=/etc/postgresql-common/createcluster.d/openhnv.conf
restore() {
  if [ -e "$policy_saved" ]; then mv -f "$policy_saved" "$policy"
  elif grep -qs 'OpenHNV eng/install.sh' "$policy"; then rm -f "$policy"; fi
  rm -f "$no_cluster"
  rmdir --ignore-fail-on-non-empty /etc/postgresql-common/createcluster.d /etc/postgresql-common 2>/dev/null || true
}
restore
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
[ ! -e "$policy" ] || cp -a "$policy" "$policy_saved"
printf '#!/bin/sh\n# OpenHNV eng/install.sh: no service starts while packages are being installed.\nexit 101\n' > "$policy"
chmod 755 "$policy"
mkdir -p "${no_cluster%/*}"
echo 'create_main_cluster = false' > "$no_cluster"

log=$(mktemp)
run() {
  "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; echo "Failed: $*" >&2; exit 1; }
}
export DEBIAN_FRONTEND=noninteractive
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
  echo "The package lists are absent: apt-get update"
  run apt-get update -q
fi
if ! apt-get install -y -q -o DPkg::Lock::Timeout=120 --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  echo "The package lists look old: apt-get update, and once more"
  run apt-get update -q
  run apt-get install -y -q -o DPkg::Lock::Timeout=120 --no-install-recommends "${missing[@]}"
fi
rm -f "$log"

# What the packages enabled for the next boot is ours to switch off again; anything running was there before us.
if [ -d /run/systemd/system ]; then
  for service in openvswitch-switch postgresql krb5-kdc krb5-admin-server; do
    if [[ " ${missing[*]} " == *" $service "* ]] && ! systemctl is-active -q "$service"; then
      systemctl disable -q "$service" 2>/dev/null || true
    fi
  done
fi
echo "Installed."

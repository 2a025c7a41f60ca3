#!/usr/bin/env bash
# Figure 8, for real: two tenants with the same addresses on two hosts. Installs what is missing, builds, shows, cleans up.
#   ./demo.sh            VXLAN         ./demo.sh --keep     leave it running afterwards
#   ./demo.sh --nvgre    NVGRE         ./demo.sh --down     remove what --keep left
set -euo pipefail
cd -P -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 PATH="$PATH:/usr/sbin:/sbin"

lab=figure8 nvgre='' keep='' down=''
for argument in "$@"; do
  case "$argument" in
    --nvgre) nvgre=--nvgre ;;
    --keep)  keep=1 ;;
    --down)  down=1 ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ "$(id -u)" -ne 0 ]; then
  echo "The demo makes network namespaces and needs root: sudo ./demo.sh" >&2
  exit 1
fi

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'; else bold='' dim='' green='' plain=''; fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
shown() { printf '  %s$ %s%s\n' "$dim" "$*" "$plain"; "$@" | sed 's/^/    /'; }
now()   { date +%s%N; }
since() { echo "$(( ($(now) - $1) / 1000000 )) ms"; }

./eng/install.sh demo
title "Building"
for project in Hnv.Cli Hnv.Controller Hnv.HostAgent; do
  dotnet build src/$project -c Release -v q -nologo --tl:off -p:UseSharedCompilation=true | sed '/^$/d; /^Build succeeded/d; / 0 \(Warning\|Error\)/d; s/^/  '$project': /'
done
if [ -n "$down" ]; then
  exec ./hnv lab down $lab
fi

./hnv lab down $lab >/dev/null         # whatever an interrupted run left
finished=''
clean_up() {
  code=$?
  trap - EXIT INT TERM HUP
  if [ -z "$keep" ] || [ -z "$finished" ]; then
    title "Cleaning up"
    ./hnv lab down $lab
  fi
  exit $code
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title "Two hosts, two tenants, the same addresses"
cat <<'PICTURE'
     host1  PA 192.168.1.10                       host2  PA 192.168.2.20
    +---------------------------+    router     +---------------------------+
    | contoso-sql   10.1.1.11   |===============| contoso-web   10.1.1.12   |   VSID 5001
    | fabrikam-sql  10.1.1.11   |===============| fabrikam-web  10.1.1.12   |   VSID 6001
    +---------------------------+               +---------------------------+
PICTURE
started=$(now)
./hnv lab up labs/$lab.yaml $nvgre
up_took=$(since "$started")

# A command in a machine, without the start-up time of hnv lab exec; it carries the lab's marks all the same.
inside() { local machine=$1; shift; env HNV_LAB=$lab HNV_MACHINE="$machine" nsenter "--net=/run/netns/hnv-$lab-$machine" -- "$@"; }

title "A PostgreSQL server in each SQL machine, a web application in each web machine"
run=/run/openhnv/lab/$lab/machines
postgres=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
password=$(head -c 18 /dev/urandom | base64 | tr -d '+/')
mkdir -p "$run"
contoso_orders="(1, 'Adatum', 'forklift', 31500.00), (2, 'Litware', 'pallet jack', 480.50), (3, 'Northwind', 'warehouse shelf', 219.90)"
fabrikam_orders="(1, 'Tailspin Toys', 'loom', 12800.00), (2, 'Wingtip Toys', 'cotton yarn', 96.40)"

start_database() { # tenant, rows
  local machine=$1-sql data=$run/$1-sql
  mkdir "$data" && chown postgres: "$data" && chmod 700 "$data"
  install -o postgres -m 600 /dev/stdin "$data/password" <<<"$password"
  env HNV_LAB=$lab runuser -u postgres -- "$postgres/initdb" -D "$data/db" -E UTF8 --no-locale --no-sync -U postgres \
    --auth-local=peer --auth-host=scram-sha-256 --pwfile="$data/password" >"$data/initdb.log"
  echo "host shop web 10.1.1.0/24 scram-sha-256" >>"$data/db/pg_hba.conf"
  inside "$machine" setsid runuser -u postgres -- "$postgres/postgres" -D "$data/db" -c listen_addresses=10.1.1.11 \
    -c unix_socket_directories="$data" -c shared_buffers=16MB </dev/null >"$data/postgres.log" 2>&1 &
  for _ in $(seq 100); do
    runuser -u postgres -- "$postgres/pg_isready" -q -h "$data" && break
    sleep 0.05
  done
  runuser -u postgres -- psql -q -h "$data" -c "CREATE ROLE web LOGIN PASSWORD '$password'" -c 'CREATE DATABASE shop'
  runuser -u postgres -- psql -q -h "$data" -d shop <<SQL
CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, item text NOT NULL, amount numeric(9, 2) NOT NULL);
INSERT INTO orders VALUES $2;
CREATE TABLE whoami AS SELECT '$machine'::text AS machine;
GRANT SELECT ON orders, whoami TO web;
SQL
}
start_web() { # tenant
  inside "$1-web" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start'
  DEMO_PASSWORD=$password inside "$1-web" setsid runuser -u nobody -- /usr/bin/python3 demo/app.py 10.1.1.12 80 \
    </dev/null >"$run/$1-web.log" 2>&1 &
}
chmod a+rx . demo demo/app.py 2>/dev/null || true
start_database contoso "$contoso_orders" & contoso=$!
start_database fabrikam "$fabrikam_orders" & fabrikam=$!
start_web contoso
start_web fabrikam
wait $contoso || { cat "$run"/contoso-sql/*.log >&2; exit 1; }
wait $fabrikam || { cat "$run"/fabrikam-sql/*.log >&2; exit 1; }
for tenant in contoso fabrikam; do
  for _ in $(seq 100); do
    inside $tenant-web curl -sf -m 1 -o /dev/null http://10.1.1.12/whoami && break
    sleep 0.05
  done
done
echo "  running: $(ps -e -o comm= | grep -cx postgres) PostgreSQL processes, 2 web applications"

title "Each tenant's web server reads from its own SQL server at 10.1.1.11, across the hosts"
if [ -n "$nvgre" ]; then filter='proto gre'; else filter='udp port 4789'; fi
capture=/run/openhnv/lab/$lab/provider-network.pcap
inside tor tcpdump -Z root -ni host2 -U -w "$capture" "$filter" 2>/run/openhnv/lab/$lab/tcpdump.log &
tcpdump=$!
for _ in $(seq 100); do grep -q 'listening on' /run/openhnv/lab/$lab/tcpdump.log && break; sleep 0.02; done
for tenant in contoso fabrikam; do
  shown ./hnv lab exec --lab $lab $tenant-sql -- curl -sS -m 5 http://10.1.1.12/
done
for tenant in contoso fabrikam; do
  for _ in 1 2 3; do inside $tenant-sql curl -sS -m 5 -o /dev/null http://10.1.1.12/; done
done
sleep 0.3
kill -TERM $tcpdump 2>/dev/null; wait $tcpdump || true

title "Who answers whom"
psql_from() { PGPASSWORD=$password PGCONNECT_TIMEOUT=3 inside "$1" psql -h 10.1.1.11 -U web -d shop -Atc 'SELECT machine FROM whoami' 2>/dev/null || echo nobody; }
web_from()  { inside "$1" curl -s -m 3 http://10.1.1.12/whoami || echo nobody; }
printf '    %-14s %-16s %s\n' "from" "10.1.1.11:5432" "10.1.1.12:80"
crossed=0
for machine in contoso-sql contoso-web fabrikam-sql fabrikam-web; do
  sql=$(psql_from $machine) web=$(web_from $machine)
  printf '    %-14s %-16s %s\n' $machine "$sql" "$web"
  [ "$sql" = "${machine%-*}-sql" ] && [ "$web" = "${machine%-*}-web" ] || crossed=1
done
[ $crossed -eq 0 ] && echo "    ${green}Every answer comes from the asker's own tenant.${plain}" || { echo "    WRONG: see above."; exit 1; }

title "On the provider network: the web to SQL connection of each tenant"
/usr/bin/python3 demo/decode.py "$capture"

title "The CA-PA mappings in host1's policy database"
shown ./hnv lab exec --lab $lab host1 -- ovsdb-client -f table dump unix:/run/openhnv/lab/$lab/host1/database/ovsdb.sock ms_vtep Ucast_Macs_Remote MAC logical_switch ipaddr locator
title "The same, as the data path of both hosts uses them"
shown ./hnv mappings --lab $lab

title "How long it took"
/usr/bin/python3 - /run/openhnv/lab/$lab/lab.json <<'PYTHON'
import json, sys
for step, milliseconds in json.load(open(sys.argv[1]))["timings"].items():
    print(f"    {step:<28} {milliseconds:>7.0f} ms")
PYTHON
printf '    %-28s %10s\n' "lab up, all in all" "$up_took"
first=$(inside contoso-web ping -c 5 -i 0.2 -q 10.1.1.11 | tail -1) || true
printf '    %-28s %s\n' "ping contoso-web → sql" "$first"

finished=1
if [ -n "$keep" ]; then
  title "Left running"
  echo "    ./hnv lab exec contoso-web -- bash     a shell in a machine"
  echo "    ./hnv lab status                       services and machines"
  echo "    ./demo.sh --down                       removes it"
fi

#!/usr/bin/env bash
# Answers per second out of the cache: unbound, dnsmasq and sockeye dns in one namespace before the same nsd, asked by
# dnsperf for 1000 names, three alternating rounds. unbound and dnsmasq are reached over loopback, sockeye over its TUN.
#
#	sudo apps/interop/dnsperf.sh ./sockeye [SECONDS]
set -euo pipefail
sockeye=$(realpath "${1:?name the sockeye to measure}")
seconds=${2:-8}
dir=$(mktemp -d)
ns=dnsperf$$
pids=()
in_ns() { ip netns exec "$ns" "$@"; }
cleanup() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  wait || true
  ip netns del "$ns"
  rm -rf "$dir"
}
ip netns add "$ns"
trap cleanup EXIT
in_ns ip link set lo up
for a in 10.53.0.1 10.53.9.1 10.53.7.1; do in_ns ip addr add "$a/32" dev lo; done
in_ns ip tuntap add dev sk0 mode tun vnet_hdr
in_ns ip addr add 192.0.2.1/24 dev sk0
in_ns ip link set sk0 up txqueuelen 10000

{
  echo ". 3600 IN SOA a.r. a.r. 1 3600 600 86400 60"
  echo ". 3600 IN NS a.r."
  echo "a.r. 3600 IN A 10.53.0.1"
  for i in $(seq 1000); do echo "n$i.bench. 3600 IN A 198.51.100.$((i % 250))"; done
} >"$dir/root.zone"
for i in $(seq 1000); do echo "n$i.bench A"; done >"$dir/questions"
printf '. 3600 NS a.r.\na.r. 3600 A 10.53.0.1\n' >"$dir/hints"
cat >"$dir/nsd.conf" <<EOF
server:
  ip-address: 10.53.0.1
  username: ""
  chroot: ""
  pidfile: ""
  database: ""
  zonelistfile: "$dir/list"
  xfrdfile: ""
  cookie-secret-file: ""
  zonesdir: "$dir"
  logfile: "$dir/log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "$dir/root.zone"
EOF
cat >"$dir/unbound.conf" <<EOF
server:
  interface: 10.53.9.1
  outgoing-interface: 10.53.9.1
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  do-ip6: no
  use-syslog: no
  logfile: "$dir/unbound.log"
  username: ""
  chroot: ""
  directory: "$dir"
  pidfile: ""
  num-threads: 1
  module-config: "iterator"
  root-hints: "$dir/hints"
  ip-ratelimit: 0
  do-not-query-localhost: no
remote-control:
  control-enable: no
EOF
ip netns exec "$ns" nsd -d -c "$dir/nsd.conf" >>"$dir/out.log" 2>&1 & pids+=($!)
ip netns exec "$ns" unbound -d -c "$dir/unbound.conf" >>"$dir/out.log" 2>&1 & pids+=($!)
ip netns exec "$ns" dnsmasq -k -C /dev/null -u root --pid-file= --no-resolv --no-hosts --server=10.53.0.1 --listen-address=10.53.7.1 \
  --bind-interfaces --cache-size=10000 --dns-forward-max=2000 >>"$dir/out.log" 2>&1 & pids+=($!)
ip netns exec "$ns" "$sockeye" dns --tun sk0 --addr 192.0.2.2/24 --hints "$dir/hints" --rate 0 >>"$dir/out.log" 2>&1 & pids+=($!)
sleep 2

ask() { in_ns dnsperf -s "$1" -d "$dir/questions" -l "$2" -c 8 -T 1 -q "$3" 2>&1; }
for at in 10.53.9.1 10.53.7.1 192.0.2.2; do ask "$at" 2 20 >/dev/null; done
for round in 1 2 3; do
  for who in unbound:10.53.9.1 dnsmasq:10.53.7.1 sockeye:192.0.2.2; do
    ask "${who#*:}" "$seconds" 100 >"$dir/out"
    printf '%s %-8s %s answers/s, %s lost\n' "$round" "${who%%:*}" \
      "$(awk '/Queries per second/ {printf "%d", $4}' "$dir/out")" "$(awk '/Queries lost/ {print $3}' "$dir/out")"
  done
done

#!/bin/sh
# The main job: sets up and builds Skiff on Debian 12, starts a cluster, runs a Deployment and a Job
# in real containers, breaks and heals them, and removes everything. Prints what happened and how
# long each step took. Needs root (namespaces, cgroups, links). Safe to repeat.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
  echo "quickstart: running containers needs root; run: sudo sh examples/quickstart.sh" >&2
  exit 1
fi

started=$(date +%s%N)
step() {
  now=$(date +%s%N)
  if [ -n "${title:-}" ]; then echo "    ($(((now - step_started) / 1000000)) ms)"; fi
  title=$1
  step_started=$now
  [ -z "$1" ] || printf '\n== %s\n' "$1"
}

step "Setting up and building"
sh tools/setup.sh skiff

work=$(mktemp -d /tmp/skiff-quickstart.XXXXXX)
skiff=$PWD/build/skiff
pid=""
cleanup() {
  status=$?
  if [ -n "$pid" ] && kill -0 "$pid" 2> /dev/null; then
    kill -TERM "$pid"
    wait "$pid" || true
  fi
  [ "$status" = 0 ] || { echo "quickstart: failed; the cluster's log:"; tail -30 "$work/log"; } >&2
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

export KUBECONFIG="$work/kubeconfig" HOME="$work"
if command -v kubectl > /dev/null; then kubectl=kubectl; else kubectl=$skiff; fi

start_cluster() {
  "$skiff" dev --nodes 1 --data-dir "$work/data" --listen 127.0.0.1:0 \
    --kubeconfig "$KUBECONFIG" > "$work/out" 2>> "$work/log" &
  pid=$!
  for _ in $(seq 200); do
    grep -q '^ready' "$work/out" && { cat "$work/out"; return; }
    kill -0 "$pid" 2> /dev/null || { echo "quickstart: skiff dev ended" >&2; exit 1; }
    sleep 0.05
  done
  echo "quickstart: the cluster did not become ready" >&2
  exit 1
}

# Calls "$@" until it succeeds, for at most 30 seconds.
eventually() {
  for _ in $(seq 300); do
    if "$@" > /dev/null 2>&1; then return; fi
    sleep 0.1
  done
  echo "quickstart: gave up waiting for: $*" >&2
  "$kubectl" get pods -o wide >&2 || true
  exit 1
}

addresses() {
  "$kubectl" get pods -l app=web -o wide --no-headers |
    awk '$3 == "Running" { print $(NF - 3) }'
}
answers() { for ip in $(addresses); do curl -sf --max-time 2 "http://$ip:8080/"; done; }
three_answer() { [ "$(answers | grep -c "^$1 from")" = 3 ] && [ "$(addresses | wc -l)" = 3 ]; }
restarted() { "$kubectl" get pods -l app=web --no-headers | awk '{ n += $4 } END { exit n < 1 }'; }
server_pids() { pgrep -xf 'httpd -f -p 8080 -h /www' | sort -n; }
three_servers() { [ "$(server_pids | wc -l)" = 3 ]; }
nothing_left() { [ "$("$kubectl" get pods --no-headers 2> /dev/null | wc -l)" = 0 ]; }

step "Making an image from this machine's busybox, and loading it"
sh examples/make-image.sh quickstart:v1 "$work/image.tar"
"$skiff" image load --data-dir "$work/data" "$work/image.tar"

step "Starting a cluster"
start_cluster

step "Applying a Deployment of three web servers, and a Job ($(basename "$kubectl") is the client)"
"$kubectl" apply -f examples/web.yaml -f examples/job.yaml

step "Each web server answers at an address of its own"
eventually three_answer v1
"$kubectl" get pods -l app=web -o wide
answers

step "The Job's output"
"$kubectl" wait --for=condition=complete job/primes --timeout=30s
"$kubectl" logs job/primes

step "One of the servers is killed, and healed"
victim=$(server_pids | head -1)
kill -9 "$victim"
eventually restarted
eventually three_answer v1
"$kubectl" get pods -l app=web

step "A rolling update to v2"
sed 's/value: v1/value: v2/' examples/web.yaml > "$work/web-v2.yaml"
"$kubectl" apply -f "$work/web-v2.yaml"
eventually three_answer v2
answers
eventually three_servers

step "The manager is killed with SIGKILL: the pods do not notice"
before=$(server_pids)
kill -9 "$pid"
wait "$pid" 2> /dev/null || true
[ "$before" = "$(server_pids)" ] || { echo "quickstart: a pod died with its manager" >&2; exit 1; }
echo "manager gone; servers still run as processes" $before

step "A new manager finds every pod, its uptime unbroken"
start_cluster
eventually three_answer v2
[ "$before" = "$(server_pids)" ] || { echo "quickstart: a pod was restarted" >&2; exit 1; }
"$kubectl" get pods -l app=web
echo "the same processes:" $before
ps -o pid,etimes,args -p "$(echo $before | tr ' ' ,)"

step "Everything is removed"
"$kubectl" delete -f examples/web.yaml -f examples/job.yaml
eventually nothing_left
kill -TERM "$pid"
wait "$pid"
pid=""
[ -z "$(server_pids)" ] || { echo "quickstart: a server is left behind" >&2; exit 1; }
step ""

echo
echo "Done in $((($(date +%s%N) - started) / 1000000000)) s, set-up and build included."

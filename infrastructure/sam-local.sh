#!/bin/bash
# Make `sam local invoke` run for real on a Debian machine that cannot pull images: a CI runner, as root.
#
#   infrastructure/sam-local.sh up      install Docker's engine, start one of our own, make the image
#   infrastructure/sam-local.sh down    stop that engine and take its bridge away
#   infrastructure/sam-local.sh status  say whether it runs
#   infrastructure/sam-local.sh env     name the file to source: DOCKER_HOST, SAM_LOCAL_GATEWAY
#
# The image stands in for AWS's python:3.13 image: Debian's CPython with AWS's runtime interface
# client; SAM adds its emulator. Another engine on the machine is not touched: socket, data, process
# id and bridge are ours.
set -euo pipefail
cd "$(dirname "$0")/.."

SAM_LOCAL_HOME=${SAM_LOCAL_HOME:-/var/lib/livetlf-sam-local}
VERSION=3.13
SUITE=trixie                 # the Debian whose Python that is
BRIDGE=livetlf0
GATEWAY=${SAM_LOCAL_ADDRESS:-198.51.100.193} # of a documentation range; few addresses, to hide nobody's
RECIPE=1                     # raise it when the image is made otherwise
SOCKET=$SAM_LOCAL_HOME/run/docker.sock
PID_FILE=$SAM_LOCAL_HOME/run/docker.pid

case $(uname -m) in
  x86_64) arch=x86_64 debian_arch=amd64 ;;
  aarch64) arch=arm64 debian_arch=arm64 ;;
  *) echo "no image is known for $(uname -m)" >&2; exit 2 ;;
esac
IMAGE=public.ecr.aws/lambda/python:$VERSION-$arch # the name that SAM looks for

# What AWS's image does before the handler is imported: its search path, then its runtime client.
BOOTSTRAP=$(cat <<'PYTHON'
import os
import sys

runtime = os.environ.setdefault("LAMBDA_RUNTIME_DIR", "/var/runtime")
sys.path[0] = os.environ.setdefault("LAMBDA_TASK_ROOT", "/var/task")
sys.path.insert(1, "/opt/python")
sys.path.append(runtime)
os.environ.setdefault("PYTHONPATH", runtime)

from awslambdaric.__main__ import main

main(["bootstrap", os.environ["_HANDLER"]])
PYTHON
)

say() { echo "sam-local: $*" >&2; }
engine() { docker --host "unix://$SOCKET" "$@"; }

engine_pid() { # of the engine that an earlier `up` started, if it still runs
  local pid
  pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

install_packages() {
  local package missing=()
  for package in docker.io mmdebstrap iproute2 ca-certificates; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
    >"$SAM_LOCAL_HOME/apt.log" 2>&1 || { tail -n 20 "$SAM_LOCAL_HOME/apt.log" >&2; return 1; }
}

make_bridge() {
  ip link show "$BRIDGE" >/dev/null 2>&1 && return 0
  ip link add "$BRIDGE" type bridge
  ip address add "$GATEWAY/28" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

start_engine() {
  if engine_pid >/dev/null && engine info >/dev/null 2>&1; then return 0; fi
  stop_engine
  make_bridge
  rm -rf "$SAM_LOCAL_HOME/data/network" # or the engine gives the bridge the address it had before
  say "starting dockerd"
  # No packet filter, no forwarding: a container reaches this machine and nothing else, and the
  # machine's own network stays as it was.
  setsid dockerd --data-root "$SAM_LOCAL_HOME/data" --exec-root "$SAM_LOCAL_HOME/run/exec" \
    --pidfile "$PID_FILE" --host "unix://$SOCKET" --bridge "$BRIDGE" \
    --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false \
    </dev/null >"$SAM_LOCAL_HOME/dockerd.log" 2>&1 &
  for _ in $(seq 120); do
    engine info >/dev/null 2>&1 && return 0
    sleep 0.25
  done
  say "dockerd did not start"
  tail -n 20 "$SAM_LOCAL_HOME/dockerd.log" >&2
  return 1
}

stop_engine() {
  local pid
  if pid=$(engine_pid); then
    kill "$pid"
    for _ in $(seq 100); do
      engine_pid >/dev/null || break
      sleep 0.1
    done
  fi
  rm -f "$PID_FILE" "$SOCKET"
  if ip link show "$BRIDGE" >/dev/null 2>&1; then ip link delete "$BRIDGE"; fi
}

debian_mirror() { # the one that apt already uses
  local mirrors
  mirrors=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian')
  [ -n "$mirrors" ] || { apt-get update -qq; mirrors=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian'); }
  head -n 1 <<<"$mirrors"
}

make_image() {
  local root=$SAM_LOCAL_HOME/root
  [ "$(engine image inspect -f '{{index .Config.Labels "livetlf.recipe"}}' "$IMAGE" 2>/dev/null)" != "$RECIPE" ] || return 0
  say "making $IMAGE from Debian $SUITE"
  rm -rf "$root" "$root.tar"
  mkdir -p "$root"
  # A mirror may be a snapshot whose indexes are past their date.
  TMPDIR=$SAM_LOCAL_HOME mmdebstrap --quiet --variant=extract --mode=root --architectures="$debian_arch" \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' \
    --include="python$VERSION,dash,coreutils,libc-bin,base-files,base-passwd,ca-certificates,libstdc++6,netbase" \
    "$SUITE" "$root.tar" "$(debian_mirror)"
  tar --extract --file "$root.tar" --directory "$root" --exclude='./dev/*'
  fill_root "$root"
  tar --create --directory "$root" --exclude='./proc/*' --exclude='./sys/*' . | engine import \
    --change "LABEL livetlf.recipe=$RECIPE" --change 'ENV LANG=C.UTF-8' --change 'ENV TZ=:/etc/localtime' \
    --change 'ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin' \
    --change 'WORKDIR /var/task' - "$IMAGE" >/dev/null
  engine rmi -f "${IMAGE/-$arch/-rapid-$arch}" >/dev/null 2>&1 || true # SAM's layer over an older recipe
  rm -rf "$root" "$root.tar"
}

fill_root() {
  local root=$1 python=/usr/bin/python$VERSION
  mkdir -p "$root"/var/{task,runtime,lang/bin} "$root"/opt "$root"/tmp "$root"/proc "$root"/usr/local/bin
  chmod 1777 "$root/tmp"
  printf 'root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nsbx:x:990:\n' >"$root/etc/group"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  ln -sf "$python" "$root/var/lang/bin/python$VERSION"
  ln -sf "python$VERSION" "$root/var/lang/bin/python3"
  chroot "$root" /usr/sbin/ldconfig
  # The locked versions: the lock is the constraint, and its hashes are verified.
  .local/uv/bin/uv pip install --quiet --target "$root/var/runtime" --python-version "$VERSION" \
    --python-platform "$(uname -m)-manylinux_2_28" --only-binary :all: \
    --constraints requirements-dev.txt awslambdaric boto3
  printf '%s\n' "#!$python" "$BOOTSTRAP" >"$root/var/runtime/bootstrap"
  chmod 755 "$root/var/runtime/bootstrap"
  chroot "$root" "$python" -m compileall -q "/usr/lib/python$VERSION" /var/runtime >/dev/null 2>&1 || true
}

up() {
  if [ "$(id -u)" != 0 ] || [ "${CI:-}" != true ]; then
    say "this installs packages and starts an engine: it runs as root with CI=true only"
    exit 2
  fi
  mkdir -p "$SAM_LOCAL_HOME/run"
  install_packages
  start_engine
  make_image
  printf 'export DOCKER_HOST=unix://%s SAM_LOCAL_GATEWAY=%s\n' "$SOCKET" "$GATEWAY" >"$SAM_LOCAL_HOME/env"
  say "ready"
}

case ${1:-} in
  up) up ;;
  down) stop_engine; say "down" ;;
  status) if pid=$(engine_pid); then say "dockerd runs, process $pid"; else say "dockerd does not run"; exit 1; fi ;;
  env) echo "$SAM_LOCAL_HOME/env" ;;
  *) echo "usage: $0 up|down|status|env" >&2; exit 2 ;;
esac

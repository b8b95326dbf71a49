# SPDX-License-Identifier: Apache-2.0
# Read by scripts/run and scripts/stop: the nodes of the local cluster, and whether one runs.
#   HENGE_PORT    the first node's port (7000); the others follow, the bus ports are 10000 above
#   HENGE_DATA    where logs and pid files go (data)
#   HENGE_SERVER  the program (build/release/bin/henge-server)
# shellcheck shell=bash
# shellcheck disable=SC2034  # Used by the scripts that read this.
nodes=(1 2 3)
first_port=${HENGE_PORT:-7000}
data=${HENGE_DATA:-data}
server=${HENGE_SERVER:-build/release/bin/henge-server}

# port_of I: node I's port.
port_of() { echo $((first_port + $1 - 1)); }

# running I: node I's pid file names a living henge-server (and not a stranger with a reused pid).
running() {
  local pid
  pid=$(cat "$data/n$1.pid" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = henge-server ]
}

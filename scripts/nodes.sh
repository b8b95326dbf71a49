# SPDX-License-Identifier: Apache-2.0
# Read by scripts/run and scripts/stop: the nodes of the local cluster, and whether one runs.
# shellcheck shell=bash
# shellcheck disable=SC2034  # Used by the scripts that read this.
nodes=(1 2 3)

# running I: node I's pid file names a living henge-server (and not a stranger with a reused pid).
running() {
  local pid
  pid=$(cat "data/n$1.pid" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = henge-server ]
}

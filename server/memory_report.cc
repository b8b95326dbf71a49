// SPDX-License-Identifier: Apache-2.0
#include "server/memory_report.h"

#include "commands/scripting/script_host.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

commands::ServerMemory MeasureServer(Node& node) {
  commands::ServerMemory memory;
  memory.startup = node.startup_memory();
  memory.peak = node.server_stats().peak_memory.load(std::memory_order_relaxed);
  node.clients().ForEach([&](Session& session) {
    const commands::ClientState& client = session.state();
    const bool replica =
        client.client_class.load(std::memory_order_relaxed) == commands::ClientClass::kReplica;
    ++memory.clients;
    (replica ? memory.clients_replicas : memory.clients_normal) +=
        client.total_memory.load(std::memory_order_relaxed) +
        client.behind.load(std::memory_order_relaxed);
  });
  if (node.journaling().replicating()) {
    memory.replication_backlog = node.journaling().journal().memory_bytes();
  }
  if (node.cluster() != nullptr) memory.cluster_links = node.cluster()->bus_stats().unsent_bytes;
  memory.scripts = node.services().scripting().cache().bytes();
  memory.functions = node.services().scripting().libraries().bytes();
  return memory;
}

}  // namespace henge::server

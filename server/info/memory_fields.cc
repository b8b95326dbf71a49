// SPDX-License-Identifier: Apache-2.0
// INFO memory.
#include <unistd.h>

#include <algorithm>

#include "base/memory.h"
#include "commands/scripting/engine.h"
#include "server/info/sections.h"
#include "server/memory_report.h"
#include "server/node.h"

namespace henge::server {
namespace {

int64_t Excess(uint64_t a, uint64_t b) { return static_cast<int64_t>(a) - static_cast<int64_t>(b); }

void UsedFields(Node& node, InfoFields& out, uint64_t used, uint64_t rss,
                const AllocatorStats& allocator) {
  const uint64_t peak = std::max(used, node.server_stats().peak_memory.load());
  const uint64_t dataset = node.store().EntryBytes();
  const uint64_t startup = node.startup_memory();
  out.Bytes("used_memory", used);
  out.Bytes("used_memory_rss", rss);
  out.Bytes("used_memory_peak", peak);
  out.Percent("used_memory_peak_perc", used, peak);
  out("used_memory_overhead", used > dataset ? used - dataset : 0);
  out("used_memory_startup", startup);
  out("used_memory_dataset", dataset);
  out.Percent("used_memory_dataset_perc", dataset, used > startup ? used - startup : 0);
  out("allocator_allocated", allocator.allocated);
  out("allocator_active", allocator.active);
  out("allocator_resident", allocator.resident);
  const auto pages = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
  out.Bytes("total_system_memory", pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

void ScriptFields(Node& node, InfoFields& out) {
  uint64_t eval_bytes = 0;
  uint64_t function_bytes = 0;
  for (const auto& dispatcher : node.dispatchers()) {
    const commands::scripting::Engine& engine = dispatcher->script_engine();
    eval_bytes += engine.scripts.bytes();
    function_bytes += engine.functions.bytes();
  }
  commands::scripting::ScriptHost& scripting = node.services().scripting();
  const commands::scripting::ScriptCache& cache = scripting.cache();
  const commands::scripting::LibraryRegistry& libraries = scripting.libraries();
  out("used_memory_lua", eval_bytes);
  out("used_memory_vm_eval", eval_bytes);
  out.Human("used_memory_lua_human", eval_bytes);
  out("used_memory_scripts_eval", cache.bytes());
  out("number_of_cached_scripts", cache.count());
  out("number_of_functions", libraries.functions());
  out("number_of_libraries", libraries.libraries());
  out("used_memory_vm_functions", function_bytes);
  out.Bytes("used_memory_vm_total", eval_bytes + function_bytes);
  out("used_memory_functions", libraries.bytes());
  out.Bytes("used_memory_scripts", cache.bytes() + libraries.bytes());
}

void FragmentationFields(InfoFields& out, uint64_t used, uint64_t rss,
                         const AllocatorStats& allocator) {
  out.Ratio("allocator_frag_ratio", allocator.active, allocator.allocated);
  out("allocator_frag_bytes", Excess(allocator.active, allocator.allocated));
  out.Ratio("allocator_rss_ratio", allocator.resident, allocator.active);
  out("allocator_rss_bytes", Excess(allocator.resident, allocator.active));
  out.Ratio("rss_overhead_ratio", rss, allocator.resident);
  out("rss_overhead_bytes", Excess(rss, allocator.resident));
  out.Ratio("mem_fragmentation_ratio", rss, used);
  out("mem_fragmentation_bytes", Excess(rss, used));
}

}  // namespace

void MemoryFields(Node& node, InfoFields& out) {
  const uint64_t used = UsedMemory();
  const uint64_t rss = ResidentMemory();
  const AllocatorStats allocator = ReadAllocatorStats();
  UsedFields(node, out, used, rss, allocator);
  ScriptFields(node, out);
  const store::StoreSettings& settings = node.store().settings();
  out.Bytes("maxmemory", settings.max_memory.load());
  out("maxmemory_policy", store::EvictionPolicyName(settings.policy.load()));
  FragmentationFields(out, used, rss, allocator);
  out("mem_not_counted_for_evict", 0);
  const uint64_t backlog =
      node.journaling().replicating() ? node.journaling().journal().memory_bytes() : 0;
  out("mem_replication_backlog", backlog);
  out("mem_total_replication_buffers", backlog);
  const commands::ServerMemory parts = MeasureServer(node);
  out("mem_clients_slaves", parts.clients_replicas);
  out("mem_clients_normal", parts.clients_normal);
  out("mem_cluster_links", parts.cluster_links);
  out("mem_aof_buffer", 0);
  out("mem_allocator", AllocatorName());
  out("active_defrag_running", 0);
  out("lazyfree_pending_objects", node.store().reclaimer().pending());
  out("lazyfreed_objects", node.store().reclaimer().freed());
}

}  // namespace henge::server

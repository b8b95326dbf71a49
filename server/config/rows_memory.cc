// SPDX-License-Identifier: Apache-2.0
#include "server/config/parameter_rows.h"

namespace henge::server::rows {
namespace {

// A row is a line.
// clang-format off
constexpr Parameter kRows[] = {
    Size("maxmemory", "memory.maxmemory", At<&Settings::maxmemory>, {0, kLongMax, 0}, 0, "Bytes the data may take; 0 is no limit."),
    OneOf("maxmemory-policy", "memory.maxmemory-policy", At<&Settings::maxmemory_policy>, kEvictionPolicyNames, "noeviction", 0, "What goes when memory is full."),
    Int("maxmemory-samples", "memory.maxmemory-samples", At<&Settings::maxmemory_samples>, {1, kIntMax, 5}, 0, "Keys compared to find one to evict."),
    Int("maxmemory-eviction-tenacity", "memory.maxmemory-eviction-tenacity", At<&Settings::maxmemory_eviction_tenacity>, {0, 100, 10}, kNotYet, "How long one command may evict: 0 briefly, 100 without end."),
    SizeOrPercent("maxmemory-clients", "memory.maxmemory-clients", At<&Settings::maxmemory_clients>, {-100, kLongMax, 0}, 0, "Bytes all clients together may take, or a percentage of maxmemory."),
    Int("lfu-log-factor", "memory.lfu-log-factor", At<&Settings::lfu_log_factor>, {0, kIntMax, 10}, 0, "How slowly the access counter grows."),
    Int("lfu-decay-time", "memory.lfu-decay-time", At<&Settings::lfu_decay_time>, {0, kIntMax, 1}, 0, "Minutes after which the access counter falls by one."),
    Int("active-expire-effort", "memory.active-expire-effort", At<&Settings::active_expire_effort>, {1, 10, 1}, kCompatOnly, "Work spent on finding expired keys; Henge knows which are due."),
    Bool("lazyfree-lazy-eviction", "memory.lazyfree-lazy-eviction", At<&Settings::lazyfree_lazy_eviction>, false, 0, "Tell replicas UNLINK of evicted values, not DEL; Henge frees by size."),
    Bool("lazyfree-lazy-expire", "memory.lazyfree-lazy-expire", At<&Settings::lazyfree_lazy_expire>, false, 0, "Tell replicas UNLINK of expired values, not DEL; Henge frees by size."),
    Bool("lazyfree-lazy-server-del", "memory.lazyfree-lazy-server-del", At<&Settings::lazyfree_lazy_server_del>, false, 0, "Tell replicas UNLINK of values that commands delete, not DEL; Henge frees by size."),
    Bool("lazyfree-lazy-user-del", "memory.lazyfree-lazy-user-del", At<&Settings::lazyfree_lazy_user_del>, false, 0, "DEL frees as UNLINK does."),
    Bool("lazyfree-lazy-user-flush", "memory.lazyfree-lazy-user-flush", At<&Settings::lazyfree_lazy_user_flush>, false, 0, "FLUSHALL and FLUSHDB free in the background."),
    Int("hash-max-listpack-entries", "memory.hash-max-listpack-entries", At<&Settings::hash_max_listpack_entries>, {0, kLongMax, 512}, 0, "Fields up to which a hash is compact.").Alias("hash-max-ziplist-entries"),
    Size("hash-max-listpack-value", "memory.hash-max-listpack-value", At<&Settings::hash_max_listpack_value>, {0, kLongMax, 64}, 0, "Bytes of a field up to which a hash is compact.").Alias("hash-max-ziplist-value"),
    Int("list-max-listpack-size", "memory.list-max-listpack-size", At<&Settings::list_max_listpack_size>, {kIntMin, kIntMax, -2}, 0, "Size of a list's node: elements, or -1 to -5 for 4 to 64 kB.").Alias("list-max-ziplist-size"),
    Int("list-compress-depth", "memory.list-compress-depth", At<&Settings::list_compress_depth>, {0, kIntMax, 0}, kCompatOnly, "Nodes at a list's ends that stay uncompressed; Henge compresses none."),
    Int("set-max-intset-entries", "memory.set-max-intset-entries", At<&Settings::set_max_intset_entries>, {0, kLongMax, 512}, 0, "Members up to which a set of integers is compact."),
    Int("set-max-listpack-entries", "memory.set-max-listpack-entries", At<&Settings::set_max_listpack_entries>, {0, kLongMax, 128}, 0, "Members up to which a set is compact."),
    Int("set-max-listpack-value", "memory.set-max-listpack-value", At<&Settings::set_max_listpack_value>, {0, kLongMax, 64}, 0, "Bytes of a member up to which a set is compact."),
    Int("zset-max-listpack-entries", "memory.zset-max-listpack-entries", At<&Settings::zset_max_listpack_entries>, {0, kLongMax, 128}, 0, "Members up to which a sorted set is compact.").Alias("zset-max-ziplist-entries"),
    Size("zset-max-listpack-value", "memory.zset-max-listpack-value", At<&Settings::zset_max_listpack_value>, {0, kLongMax, 64}, 0, "Bytes of a member up to which a sorted set is compact.").Alias("zset-max-ziplist-value"),
    Size("stream-node-max-bytes", "memory.stream-node-max-bytes", At<&Settings::stream_node_max_bytes>, {0, kLongMax, 4096}, 0, "Bytes of a stream's node; 0 is no limit."),
    Int("stream-node-max-entries", "memory.stream-node-max-entries", At<&Settings::stream_node_max_entries>, {0, kLongMax, 100}, 0, "Entries of a stream's node; 0 is no limit."),
    Size("hll-sparse-max-bytes", "memory.hll-sparse-max-bytes", At<&Settings::hll_sparse_max_bytes>, {0, kLongMax, 3000}, 0, "Bytes up to which a HyperLogLog is sparse."),
    Bool("activerehashing", "memory.activerehashing", At<&Settings::activerehashing>, true, kCompatOnly, "Rehash in idle time; Henge's table grows by small splits."),
    Bool("jemalloc-bg-thread", "memory.jemalloc-bg-thread", At<&Settings::jemalloc_bg_thread>, true, kCompatOnly, "Let the allocator give memory back in the background."),
    Bool("disable-thp", "memory.disable-thp", At<&Settings::disable_thp>, true, kImmutable | kCompatOnly, "Switch transparent huge pages off; they cost a server that forks."),
    OneOf("oom-score-adj", "memory.oom-score-adj", At<&Settings::oom_score_adj>, kOomScoreAdjNames, "no", kNotYet, "Whether to tell the kernel whom to kill first."),
    Special("oom-score-adj-values", "memory.oom-score-adj-values", At<&Settings::oom_score_adj_values>, ParameterType::kOomScores, "0 200 800", kMultiArg | kNotYet, "Scores of leaders, followers and children."),
    Bool("activedefrag", "memory.activedefrag", At<&Settings::activedefrag>, false, kCompatOnly, "Move values to fight fragmentation."),
    Int("active-defrag-cycle-min", "memory.active-defrag-cycle-min", At<&Settings::active_defrag_cycle_min>, {1, 99, 1}, kCompatOnly, "Least share of a processor for that, in percent."),
    Int("active-defrag-cycle-max", "memory.active-defrag-cycle-max", At<&Settings::active_defrag_cycle_max>, {1, 99, 25}, kCompatOnly, "Largest share of a processor for that, in percent."),
    Int("active-defrag-threshold-lower", "memory.active-defrag-threshold-lower", At<&Settings::active_defrag_threshold_lower>, {0, 1000, 10}, kCompatOnly, "Fragmentation at which that starts, in percent."),
    Int("active-defrag-threshold-upper", "memory.active-defrag-threshold-upper", At<&Settings::active_defrag_threshold_upper>, {0, 1000, 100}, kCompatOnly, "Fragmentation at which that does its most."),
    Size("active-defrag-ignore-bytes", "memory.active-defrag-ignore-bytes", At<&Settings::active_defrag_ignore_bytes>, {1, kLongMax, 100 * kMb}, kCompatOnly, "Wasted bytes below which that does nothing."),
    Int("active-defrag-max-scan-fields", "memory.active-defrag-max-scan-fields", At<&Settings::active_defrag_max_scan_fields>, {1, kLongMax, 1000}, kCompatOnly, "Fields of a value handled at once."),
};
// clang-format on

}  // namespace

std::span<const Parameter> Memory() { return kRows; }

}  // namespace henge::server::rows

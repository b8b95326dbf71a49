// SPDX-License-Identifier: Apache-2.0
#include "commands/server/memory.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/memory.h"
#include "commands/context.h"
#include "commands/help.h"
#include "store/table_bucket.h"

namespace henge::commands {
namespace {

// What a key costs beside its entry: a place in a bucket.
constexpr size_t kPlaceBytes =
    (sizeof(store::TableBucket) + store::TableBucket::kPlaces - 1) / store::TableBucket::kPlaces;

struct DatabaseOverhead {
  DbIndex db;
  size_t tables = 0;
  size_t deadlines = 0;
};

// Of the databases that hold keys. Locks a shard at a time.
std::vector<DatabaseOverhead> ReadDatabases(CommandContext& ctx) {
  store::Store& store = ctx.keyspace.store();
  std::vector<DatabaseOverhead> found;
  for (DbIndex db = 0; db < store.databases(); ++db) {
    if (store.KeyCount(db) > 0) found.push_back({.db = db});
  }
  for (size_t i = 0; i < store.shards(); ++i) {
    const auto index = static_cast<ShardIndex>(i);
    const store::ShardGuard guard(store, ctx.keyspace.locks(), index);
    for (DatabaseOverhead& overhead : found) {
      store::ShardDb* part = store.shard(index).dbs[overhead.db].get();
      if (part == nullptr) continue;
      const size_t deadlines = part->deadlines().MemoryBytes();
      overhead.deadlines += deadlines;
      overhead.tables += part->MemoryBytes() - deadlines;
    }
  }
  return found;
}

// All that MEMORY STATS and DOCTOR look at.
struct MemoryPicture {
  ServerMemory server;
  AllocatorStats allocator;
  std::vector<DatabaseOverhead> databases;
  size_t used = 0;
  size_t peak = 0;
  size_t resident = 0;
  size_t overhead = 0;
  uint64_t keys = 0;

  size_t dataset() const { return used > overhead ? used - overhead : 0; }
  size_t net() const { return used > server.startup ? used - server.startup : 1; }
};

MemoryPicture TakePicture(CommandContext& ctx) {
  MemoryPicture picture{.server = ctx.services.stats().Memory(),
                        .allocator = ReadAllocatorStats(),
                        .databases = ReadDatabases(ctx),
                        .used = UsedMemory(),
                        .resident = ResidentMemory()};
  picture.peak = std::max(picture.server.peak, picture.used);
  const ServerMemory& server = picture.server;
  picture.overhead = server.startup + server.clients_normal + server.clients_replicas +
                     server.replication_backlog + server.cluster_links + server.aof_buffer +
                     server.scripts + server.functions;
  for (const DatabaseOverhead& database : picture.databases) {
    picture.overhead += database.tables + database.deadlines;
    picture.keys += ctx.keyspace.store().KeyCount(database.db);
  }
  return picture;
}

double Ratio(size_t a, size_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

// Pairs of a map whose size is known when all are in.
class Fields {
 public:
  explicit Fields(CommandContext& ctx) : writer_(buffer_, ctx.reply.protocol()) {}
  void Name(std::string_view name) {
    writer_.Bulk(name);
    ++size_;
  }
  void operator()(std::string_view name, size_t bytes) {
    Name(name);
    writer_.Integer(static_cast<int64_t>(bytes));
  }
  // a - b, which may be below zero.
  void Difference(std::string_view name, size_t a, size_t b) {
    Name(name);
    writer_.Integer(static_cast<int64_t>(a) - static_cast<int64_t>(b));
  }
  void Ratio(std::string_view name, double ratio) {
    Name(name);
    writer_.Double(ratio);
  }
  proto::ReplyWriter& writer() { return writer_; }
  void WriteTo(proto::ReplyWriter& reply) {
    reply.Map(size_);
    reply.buffer().Append(buffer_.Since({.size = 0, .blobs = 0}));
  }

 private:
  proto::ReplyBuffer buffer_;
  proto::ReplyWriter writer_;
  size_t size_ = 0;
};

void WriteServerFields(const MemoryPicture& picture, Fields& field) {
  const ServerMemory& server = picture.server;
  field("peak.allocated", picture.peak);
  field("total.allocated", picture.used);
  field("startup.allocated", server.startup);
  field("replication.backlog", server.replication_backlog);
  field("clients.slaves", server.clients_replicas);
  field("clients.normal", server.clients_normal);
  field("cluster.links", server.cluster_links);
  field("aof.buffer", server.aof_buffer);
  field("lua.caches", server.scripts);
  field("functions.caches", server.functions);
}

void WriteDatasetFields(const MemoryPicture& picture, Fields& field) {
  for (const DatabaseOverhead& database : picture.databases) {
    field.Name("db." + std::to_string(database.db));
    field.writer().Map(3);
    field.writer().Bulk("overhead.hashtable.main");
    field.writer().Integer(static_cast<int64_t>(database.tables));
    field.writer().Bulk("overhead.hashtable.expires");
    field.writer().Integer(static_cast<int64_t>(database.deadlines));
    field.writer().Bulk("overhead.hashtable.slot-to-keys");
    field.writer().Integer(0);  // The tables themselves are by slot.
  }
  field("overhead.total", picture.overhead);
  field("keys.count", picture.keys);
  field("keys.bytes-per-key", picture.keys == 0 ? 0 : picture.net() / picture.keys);
  field("dataset.bytes", picture.dataset());
  field.Ratio("dataset.percentage", 100 * Ratio(picture.dataset(), picture.net()));
  field.Ratio("peak.percentage", 100 * Ratio(picture.used, picture.peak));
}

void WriteAllocatorFields(const MemoryPicture& picture, Fields& field) {
  const AllocatorStats& allocator = picture.allocator;
  field("allocator.allocated", allocator.allocated);
  field("allocator.active", allocator.active);
  field("allocator.resident", allocator.resident);
  field.Ratio("allocator-fragmentation.ratio", Ratio(allocator.active, allocator.allocated));
  field.Difference("allocator-fragmentation.bytes", allocator.active, allocator.allocated);
  field.Ratio("allocator-rss.ratio", Ratio(allocator.resident, allocator.active));
  field.Difference("allocator-rss.bytes", allocator.resident, allocator.active);
  field.Ratio("rss-overhead.ratio", Ratio(picture.resident, allocator.resident));
  field.Difference("rss-overhead.bytes", picture.resident, allocator.resident);
  field.Ratio("fragmentation", Ratio(picture.resident, picture.used));
  field.Difference("fragmentation.bytes", picture.resident, picture.used);
}

constexpr size_t kMegabyte = 1 << 20;
constexpr size_t kTooLittleToTell = 5 * kMegabyte;
constexpr size_t kWorthMentioning = 10 * kMegabyte;
constexpr size_t kLargeClient = 200 * 1024;

// Whether `a` exceeds `b` by more than the factor, and by enough to matter.
bool Exceeds(size_t a, size_t b, double factor) {
  return Ratio(a, b) > factor && a > b + kWorthMentioning;
}

std::string Diagnose(const MemoryPicture& picture) {
  const AllocatorStats& allocator = picture.allocator;
  std::string report;
  if (Ratio(picture.peak, picture.used) > 1.5) {
    report +=
        "- Peak: at some time more than one and a half times as much memory was in use as now. The "
        "allocator keeps freed pages for a while; MEMORY PURGE hands them back to the system.\n";
  }
  if (Exceeds(picture.resident, picture.used, 1.4)) {
    report +=
        "- Resident memory: the process occupies over 1.4 times what is allocated. After a peak "
        "this is harmless; otherwise the allocations are badly fragmented.\n";
  }
  if (Exceeds(allocator.active, allocator.allocated, 1.1)) {
    report +=
        "- Fragmentation: pages in use are more than a tenth larger than what was asked of them. "
        "Values of changing sizes, or a past peak, leave such holes.\n";
  }
  if (Exceeds(allocator.resident, allocator.active, 1.1)) {
    report +=
        "- Unused pages: the allocator holds over a tenth more pages than it uses. MEMORY PURGE "
        "gives them back.\n";
  }
  if (Exceeds(picture.resident, allocator.resident, 1.1)) {
    report +=
        "- Beyond the allocator: the process occupies over a tenth more than the allocator holds: "
        "thread stacks, libraries, or scripts.\n";
  }
  const size_t clients = std::max<size_t>(1, picture.server.clients);
  if (picture.server.clients_normal / clients > kLargeClient) {
    report +=
        "- Clients: their buffers hold more than 200 kB each on average. Look in CLIENT LIST for "
        "those that read too slowly or pipeline too much at once.\n";
  }
  return report;
}

}  // namespace

void MemoryUsage(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  while (args.ok() && !args.empty()) {
    // Sizes are kept exactly, so there is nothing to sample.
    if (args.left() < 2 || !args.Accept("SAMPLES")) args.FailSyntax();
    if (args.ok() && args.Integer() < 0) args.FailSyntax();
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  const store::Entry* entry = ctx.keyspace.Peek(key);
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Integer(static_cast<int64_t>(entry->MemoryBytes() + kPlaceBytes));
}

void MemoryStats(CommandContext& ctx, ArgReader&) {
  const MemoryPicture picture = TakePicture(ctx);
  Fields fields(ctx);
  WriteServerFields(picture, fields);
  WriteDatasetFields(picture, fields);
  WriteAllocatorFields(picture, fields);
  fields.WriteTo(ctx.reply);
}

void MemoryDoctor(CommandContext& ctx, ArgReader&) {
  const MemoryPicture picture = TakePicture(ctx);
  if (picture.used < kTooLittleToTell) {
    return ctx.reply.Verbatim(
        "txt",
        "This server holds next to no data: there is nothing to tell about its memory yet.\n");
  }
  const std::string report = Diagnose(picture);
  if (report.empty()) {
    return ctx.reply.Verbatim("txt", "The memory of this server is in good order.\n");
  }
  ctx.reply.Verbatim("txt", "What stands out about this server's memory:\n\n" + report);
}

void MemoryPurge(CommandContext& ctx, ArgReader&) {
  PurgeAllocator();
  ctx.reply.Ok();
}

void MemoryMallocStats(CommandContext& ctx, ArgReader&) {
  ctx.reply.Verbatim("txt", AllocatorReport());
}

void MemoryHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "DOCTOR",
      "    Tell what is unhealthy about the server's memory.",
      "MALLOC-STATS",
      "    Show the allocator's own statistics.",
      "PURGE",
      "    Give pages that the allocator does not need back to the system.",
      "STATS",
      "    Show what the server's memory is used for.",
      "USAGE <key> [SAMPLES <count>]",
      "    Tell how many bytes a key and its value take. Nothing is estimated; SAMPLES is",
      "    accepted for compatibility.",
  };
  ReplyHelp(ctx, "memory", kLines);
}

}  // namespace henge::commands

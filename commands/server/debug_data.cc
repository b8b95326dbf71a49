// SPDX-License-Identifier: Apache-2.0
#include "commands/server/debug_data.h"

#include <fmt/format.h>

#include <string>

#include "base/log.h"
#include "base/numbers.h"
#include "commands/context.h"
#include "commands/server/dataset_digest.h"
#include "store/access_clock.h"
#include "store/list/list.h"
#include "store/table_bucket.h"

namespace henge::commands {
namespace {

// Calls fn(entry) under the key's lock; the entry is null when there is none.
template <class F>
void WithEntry(CommandContext& ctx, std::string_view bytes, F fn) {
  const store::Key key = store::Key::Of(bytes);
  store::Store& store = ctx.keyspace.store();
  const store::ShardGuard guard(store, ctx.keyspace.locks(), store.ShardOf(key.slot));
  store::Keyspace keyspace = ctx.keyspace;
  keyspace.set_sees_expired(true);
  fn(keyspace.Peek(key));
}

// Bytes of a length in an RDB file.
size_t RdbLengthBytes(size_t length) {
  if (length < 1u << 6) return 1;
  if (length < 1u << 14) return 2;
  return length <= UINT32_MAX ? 5 : 9;
}

// About the value's size in an RDB file, uncompressed.
size_t SerializedBytes(const store::Entry& entry) {
  if (entry.type() != store::Type::kString) return entry.MemoryBytes();
  if (entry.is_integer()) {
    const int64_t value = entry.integer();
    if (value >= INT8_MIN && value <= INT8_MAX) return 2;
    if (value >= INT16_MIN && value <= INT16_MAX) return 3;
    if (value >= INT32_MIN && value <= INT32_MAX) return 5;
  }
  return RdbLengthBytes(entry.StringSize()) + entry.StringSize();
}

// What was asked for; there is none. REQUIRES: no shard is locked for this.
bool CompressesLists(CommandContext& ctx) {
  const auto depth = ctx.services.config().Get({"list-compress-depth"});
  return !depth.empty() && depth[0].second != "0";
}

// Of a quicklist, in Redis's words.
std::string DescribeQuicklist(const store::Entry& entry, bool compresses) {
  if (entry.encoding() != store::Encoding::kQuicklist) return {};
  const store::Quicklist& list = *store::ListView(entry).quicklist();
  const double average = static_cast<double>(list.size()) / static_cast<double>(list.nodes());
  return fmt::format(
      " ql_nodes:{} ql_avg_node:{:.2f} ql_listpack_max:{} ql_compressed:{} "
      "ql_uncompressed_size:{}",
      list.nodes(), average, list.fill(), compresses ? 1 : 0, list.ContentBytes());
}

struct TableSizes {
  size_t places = 0;
  uint64_t keys = 0;
  size_t deadline_bytes = 0;
  uint64_t keys_with_expiry = 0;
};

TableSizes Measure(CommandContext& ctx, DbIndex db) {
  store::Store& store = ctx.keyspace.store();
  TableSizes sizes{.keys = store.KeyCount(db), .keys_with_expiry = store.KeyCountWithExpiry(db)};
  for (size_t i = 0; i < store.shards(); ++i) {
    const auto index = static_cast<ShardIndex>(i);
    const store::ShardGuard guard(store, ctx.keyspace.locks(), index);
    store::ShardDb* part = store.shard(index).dbs[db].get();
    if (part == nullptr) continue;
    for (const store::EntryTable& table : part->tables()) {
      sizes.places +=
          table.MemoryBytes() / sizeof(store::TableBucket) * store::TableBucket::kPlaces;
    }
    sizes.deadline_bytes += part->deadlines().MemoryBytes();
  }
  return sizes;
}

// A number that is not negative; `otherwise` when the arguments are at their end.
int64_t ReadCount(ArgReader& args, int64_t otherwise) {
  if (args.empty()) return otherwise;
  return args.IntegerIn(0, INT64_MAX, errors::kNotPositive);
}

void MakeString(CommandContext& ctx, std::string_view name, int64_t number, size_t size) {
  const store::Key key = store::Key::Of(name);
  store::Store& store = ctx.keyspace.store();
  const store::ShardGuard guard(store, ctx.keyspace.locks(), store.ShardOf(key.slot));
  if (ctx.keyspace.Peek(key) != nullptr) return;
  std::string value = fmt::format("value:{}", number);
  if (size > 0) value.resize(size, '\0');
  ctx.keyspace.SetString(key, value, kNoExpiry, store::events::kSet);
}

}  // namespace

void DebugObject(CommandContext& ctx, ArgReader& args) {
  const bool compresses = CompressesLists(ctx);
  std::string text;
  WithEntry(ctx, args.Next(), [&](const store::Entry* entry) {
    if (entry == nullptr) return;
    text = fmt::format(
        "Value at:{} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}{}",
        static_cast<const void*>(entry), store::EncodingName(entry->encoding()),
        SerializedBytes(*entry), entry->access(),
        store::IdleSeconds(entry->access(), ctx.keyspace.now()),
        DescribeQuicklist(*entry, compresses));
  });
  text.empty() ? ctx.reply.Error(errors::kNoSuchKey) : ctx.reply.Simple(text);
}

void DebugListpack(CommandContext& ctx, ArgReader& args) {
  bool found = false;
  std::string text;
  WithEntry(ctx, args.Next(), [&](const store::Entry* entry) {
    found = entry != nullptr;
    if (!found || (entry->encoding() != store::Encoding::kListpack &&
                   entry->encoding() != store::Encoding::kListpackEx)) {
      return;
    }
    const store::Listpack pack(entry->object());
    text = fmt::format("A listpack of {} bytes, {} elements:", pack.bytes(), pack.size());
    for (auto at = pack.First(); at != store::Listpack::kNone; at = pack.Next(at)) {
      store::ListpackElement::Digits digits;
      text += fmt::format("\n  at {}: {}", at, pack.Get(at).Text(digits));
    }
  });
  if (!found) return ctx.reply.Error(errors::kNoSuchKey);
  if (text.empty()) return ctx.reply.Error("ERR Not a listpack encoded object.");
  LogNotice(text);
  ctx.reply.Simple("Listpack structure printed on stdout");
}

void DebugQuicklist(CommandContext& ctx, ArgReader& args) {
  const bool compresses = CompressesLists(ctx);
  bool found = false;
  std::string text;
  WithEntry(ctx, args.Next(), [&](const store::Entry* entry) {
    found = entry != nullptr;
    if (found) text = DescribeQuicklist(*entry, compresses);
  });
  if (!found) return ctx.reply.Error(errors::kNoSuchKey);
  if (text.empty()) return ctx.reply.Error("ERR Not a quicklist encoded object.");
  LogNotice("A quicklist:" + text);
  ctx.reply.Simple("Quicklist structure printed on stdout");
}

void DebugPackedThreshold(CommandContext& ctx, ArgReader& args) {
  constexpr int64_t kMost = (int64_t{1} << 32) - (int64_t{1} << 20);
  const auto size = ParseMemory(args.Next());
  if (!size || *size > kMost) {
    return ctx.reply.Error(
        "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  ctx.keyspace.store().settings().encodings.list_packed_threshold.store(
      *size == 0 ? store::kListPackedThreshold : *size, std::memory_order_relaxed);
  ctx.reply.Ok();
}

void DebugHtStats(CommandContext& ctx, ArgReader& args) {
  const int64_t db = args.Integer();
  if (args.ok() && (db < 0 || db >= ctx.keyspace.store().databases())) {
    args.Fail("ERR Out of range database");
  }
  if (!args.ok()) return ctx.reply.Error(args.error());
  const TableSizes sizes = Measure(ctx, static_cast<DbIndex>(db));
  const std::string text = fmt::format(
      "[Dictionary HT]\nHash table 0 stats (main hash table):\n table size: {}\n number of "
      "elements: {}\n[Expires HT]\nHash table 0 stats (main hash table):\n table size: {}\n number "
      "of elements: {}\n",
      sizes.places, sizes.keys, sizes.deadline_bytes / sizeof(uint64_t), sizes.keys_with_expiry);
  ctx.reply.Verbatim("txt", text);
}

void DebugHtStatsKey(CommandContext& ctx, ArgReader& args) {
  bool found = false;
  std::string text;
  WithEntry(ctx, args.Next(), [&](const store::Entry* entry) {
    found = entry != nullptr;
    const bool has_table = found && (entry->encoding() == store::Encoding::kHashtable ||
                                     entry->encoding() == store::Encoding::kSkiplist);
    if (has_table) {
      text =
          fmt::format("Hash table 0 stats (main hash table):\n bytes: {}\n", entry->MemoryBytes());
    }
  });
  if (!found) return ctx.reply.Error(errors::kNoSuchKey);
  if (text.empty()) {
    return ctx.reply.Error(
        "ERR The value stored at the specified key is not represented using an hash table");
  }
  ctx.reply.Verbatim("txt", text);
}

void DebugDigest(CommandContext& ctx, ArgReader&) {
  Digest all;
  const store::Store& store = ctx.keyspace.store();
  for (DbIndex db = 0; db < store.databases(); ++db) {
    if (store.KeyCount(db) == 0) continue;
    all.MixNumber(db);
    store::Keyspace keyspace = ctx.keyspace.InDatabase(db);
    keyspace.set_sees_expired(true);
    keyspace.ForEach([&](const store::Entry* entry) {
      Digest one;
      one.Mix(entry->key());
      one.AddValue(*entry);
      all.Xor(one);
    });
  }
  ctx.reply.Simple(all.Hex());
}

void DebugDigestValue(CommandContext& ctx, ArgReader& args) {
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    Digest digest;
    WithEntry(ctx, args.Next(), [&](const store::Entry* entry) {
      if (entry != nullptr) digest.AddValue(*entry);
    });
    ctx.reply.Simple(digest.Hex());
  }
}

void DebugPopulate(CommandContext& ctx, ArgReader& args) {
  const int64_t count = ReadCount(args, 0);
  const std::string_view prefix = args.empty() ? "key" : args.Next();
  const int64_t size = ReadCount(args, 0);
  const int64_t most = ctx.services.settings().proto_max_bulk_len.load(std::memory_order_relaxed);
  if (size > most) args.Fail(errors::kStringTooLong);
  if (!args.Done()) return ctx.reply.Error(args.error());
  ctx.effects.Nothing();  // As Redis: of this node alone, and in no append-only file.
  for (int64_t i = 0; i < count; ++i) {
    MakeString(ctx, fmt::format("{}:{}", prefix, i), i, static_cast<size_t>(size));
  }
  ctx.reply.Ok();
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// How the handlers of the hash room come to a hash, and what they all say of it. Lives for a call.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "commands/context.h"
#include "store/hash/hash.h"

namespace henge::commands {

namespace hash_events {
inline constexpr store::Event kHSet{store::EventClass::kHash, "hset"};
inline constexpr store::Event kHDel{store::EventClass::kHash, "hdel"};
inline constexpr store::Event kHIncrBy{store::EventClass::kHash, "hincrby"};
inline constexpr store::Event kHIncrByFloat{store::EventClass::kHash, "hincrbyfloat"};
inline constexpr store::Event kHExpire{store::EventClass::kHash, "hexpire"};
inline constexpr store::Event kHPersist{store::EventClass::kHash, "hpersist"};
}  // namespace hash_events

inline store::Hash AsHash(CommandContext& ctx, store::Entry& entry) {
  return store::Hash(entry, ctx.keyspace.store().settings().encodings, ctx.keyspace.visible_now());
}

// The hash at a key for a reading command; where there is none, `absent()` has replied, or
// WRONGTYPE is.
template <class F>
std::optional<store::Hash> ReadHash(CommandContext& ctx, const store::Key& key, F absent) {
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kHash);
  if (found) return AsHash(ctx, *found.entry);
  found.other_type ? ctx.reply.Error(errors::kWrongType) : absent();
  return std::nullopt;
}

// Deletes those of `fields` whose time is up. REQUIRES: a hash is at `key`.
void DeleteExpired(CommandContext& ctx, const store::Key& key,
                   std::span<const std::string_view> fields);

// Keyspace::Modify for hashes: change(Hash&). WRONGTYPE is replied, then false returned.
template <class F>
bool ModifyHash(CommandContext& ctx, const store::Key& key, store::Keyspace::IfAbsent absent,
                const store::Event& event, F change) {
  const auto modified =
      ctx.keyspace.Modify(key, store::Type::kHash, absent, event, [&](store::Entry& entry) {
        store::Hash hash = AsHash(ctx, entry);
        return change(hash);
      });
  if (modified != store::Keyspace::Modified::kOtherType) return true;
  ctx.reply.Error(errors::kWrongType);
  return false;
}

// The same for commands that read `fields` before they write: those that have expired are deleted
// first.
template <class F>
bool ModifyFields(CommandContext& ctx, const store::Key& key, store::Keyspace::IfAbsent absent,
                  const store::Event& event, std::span<const std::string_view> fields, F change) {
  bool stale = false;
  if (!ModifyHash(ctx, key, absent, event, [&](store::Hash& hash) {
        if (hash.HasExpired()) {
          for (const std::string_view field : fields) stale |= hash.IsExpired(field);
        }
        return !stale && change(hash);
      })) {
    return false;
  }
  if (!stale) return true;
  DeleteExpired(ctx, key, fields);
  return ModifyHash(ctx, key, absent, event, change);
}

// A field or value as a bulk string; a large one isn't copied.
inline void ReplyText(proto::ReplyWriter& reply, const store::FieldText& text) {
  if (text.is_integer()) return reply.BulkInteger(text.integer);
  if (text.blob != nullptr) return reply.BulkBlob(BlobRef::Share(text.blob));
  reply.Bulk({text.data, text.size});
}

}  // namespace henge::commands

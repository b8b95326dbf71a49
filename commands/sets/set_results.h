// SPDX-License-Identifier: Apache-2.0
// What the handlers of the set room share: events, elements as replies, the sets a call reads and
// the set it makes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "commands/context.h"
#include "proto/reply_buffer.h"
#include "store/set/set.h"

namespace henge::commands {

namespace events {
inline constexpr store::Event kSAdd{store::EventClass::kSet, "sadd"};
inline constexpr store::Event kSRem{store::EventClass::kSet, "srem"};
inline constexpr store::Event kSPop{store::EventClass::kSet, "spop"};
inline constexpr store::Event kSInterStore{store::EventClass::kSet, "sinterstore"};
inline constexpr store::Event kSUnionStore{store::EventClass::kSet, "sunionstore"};
inline constexpr store::Event kSDiffStore{store::EventClass::kSet, "sdiffstore"};
}  // namespace events

inline const store::EncodingLimits& Limits(CommandContext& ctx) {
  return ctx.keyspace.store().settings().encodings;
}

inline void ReplyElement(proto::ReplyWriter& reply, const store::SetElement& element) {
  element.is_integer() ? reply.BulkInteger(element.integer)
                       : reply.Bulk({element.data, element.size});
}

// A set read for the client; `fn(SetView)` if it is there, `absent()` if not, and the error if
// there is something else.
template <class F, class A>
void ReadSet(CommandContext& ctx, const store::Key& key, F fn, A absent) {
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kSet);
  if (found) return fn(store::SetView(*found.entry));
  found.other_type ? ctx.reply.Error(errors::kWrongType) : absent();
}

// The sets at the next `count` keys, null where there is none; or nothing, after the error, when
// there is something else.
std::optional<std::vector<const store::Entry*>> ReadSets(CommandContext& ctx, ArgReader& args,
                                                         size_t count);

// Members collected before their number is known.
class CollectedSet {
 public:
  explicit CollectedSet(int protocol) : writer_(buffer_, protocol) {}
  void Add(const store::SetElement& element) {
    ReplyElement(writer_, element);
    ++size_;
  }
  void WriteTo(proto::ReplyWriter& reply) {
    reply.Set(size_);
    reply.buffer().Append(buffer_.Since({.size = 0, .blobs = 0}));
  }

 private:
  proto::ReplyBuffer buffer_;
  proto::ReplyWriter writer_;
  size_t size_ = 0;
};

// A set in the making, of no key but, if it is to be stored, its own.
class NewSet {
 public:
  explicit NewSet(CommandContext& ctx, std::string_view key = {})
      : ctx_(ctx), entry_(store::Entry::NewCollection(key, store::Type::kSet)) {}
  ~NewSet();  // Frees on the reclaimer's thread what takes long.
  NewSet(const NewSet&) = delete;
  NewSet& operator=(const NewSet&) = delete;

  store::Set set() { return {*entry_, Limits(ctx_)}; }
  void Reply();
  // Replies with its size, and keeps it at `key` in place of whatever is there.
  void Store(const store::Key& key, const store::Event& event);

 private:
  CommandContext& ctx_;
  store::Entry* entry_;
};

// Frees on the reclaimer's thread.
void Reclaim(CommandContext& ctx, std::unique_ptr<store::LargeSet> set);

}  // namespace henge::commands

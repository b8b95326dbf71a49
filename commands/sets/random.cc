// SPDX-License-Identifier: Apache-2.0
// SPOP and SRANDMEMBER. The journal is told which members the lot fell on.
#include "base/random.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "commands/services.h"
#include "commands/sets/handlers.h"
#include "commands/sets/set_results.h"

namespace henge::commands {
namespace {

using store::Keyspace;
using store::SetElement;
using store::SetView;

// SREM of what was popped, as many at a time as Redis puts into one.
class Removals {
 public:
  Removals(CommandContext& ctx, std::string_view key) : ctx_(ctx), key_(key) {}
  void Add(const SetElement& element) {
    if (!ctx_.effects.wanted()) return;
    SetElement::Digits digits;
    members_.emplace_back(element.Text(digits));
    if (members_.size() == kBatch) Flush();
  }
  void Flush() {
    if (!ctx_.effects.wanted()) return ctx_.effects.Nothing();
    if (members_.empty()) return;
    std::vector<std::string_view> words = {"SREM", key_};
    words.insert(words.end(), members_.begin(), members_.end());
    ctx_.effects.Instead(words);
    members_.clear();
  }

 private:
  static constexpr size_t kBatch = 1024;
  CommandContext& ctx_;
  std::string_view key_;
  std::vector<std::string> members_;
};

void PopOne(CommandContext& ctx, const store::Key& key) {
  const auto done = ctx.keyspace.Modify(
      key, store::Type::kSet, Keyspace::IfAbsent::kLeave, events::kSPop, [&](store::Entry& entry) {
        store::Set(entry, Limits(ctx)).Pop(ThreadRandom(), [&](const SetElement& element) {
          ReplyElement(ctx.reply, element);
          SetElement::Digits digits;
          ctx.effects.Instead({"SREM", key.bytes, element.Text(digits)});
        });
        return true;
      });
  if (done == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (done == Keyspace::Modified::kAbsent) ctx.reply.Null();
}

// Returns what is left over to be freed.
std::unique_ptr<store::LargeSet> PopFrom(CommandContext& ctx, const store::Key& key, store::Set set,
                                         size_t count) {
  if (count >= set.size()) {
    ctx.effects.InsteadGone(key.bytes, ctx.services.settings().lazyfree_server_del.load());
    ctx.reply.Set(set.size());
    return set.PopAll([&](const SetElement& element) { ReplyElement(ctx.reply, element); });
  }
  Removals removals(ctx, key.bytes);
  ctx.reply.Set(count);
  auto rest = set.PopSample(count, ThreadRandom(), [&](const SetElement& element) {
    ReplyElement(ctx.reply, element);
    removals.Add(element);
  });
  removals.Flush();
  return rest;
}

void PopMany(CommandContext& ctx, const store::Key& key, size_t count) {
  std::unique_ptr<store::LargeSet> rest;
  const auto done = ctx.keyspace.Modify(
      key, store::Type::kSet, Keyspace::IfAbsent::kLeave, events::kSPop, [&](store::Entry& entry) {
        if (count == 0) return ctx.reply.Set(0), false;
        rest = PopFrom(ctx, key, store::Set(entry, Limits(ctx)), count);
        return true;
      });
  Reclaim(ctx, std::move(rest));
  if (done == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (done == Keyspace::Modified::kAbsent) ctx.reply.Set(0);
}

void ReplyRandom(CommandContext& ctx, SetView set, int64_t count) {
  const auto reply = [&](const SetElement& element) { ReplyElement(ctx.reply, element); };
  if (count < 0) {
    const auto draws = static_cast<uint64_t>(-count);
    ctx.reply.Array(draws);
    return set.Draw(draws, ThreadRandom(), reply);
  }
  ctx.reply.Array(std::min(static_cast<size_t>(count), set.size()));
  if (count > 0) set.Sample(static_cast<size_t>(count), ThreadRandom(), reply);
}

}  // namespace

void SPop(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  if (args.empty()) return PopOne(ctx, key);
  if (args.left() > 1) return ctx.reply.Error(errors::kSyntax);
  const int64_t count = args.IntegerIn(0, INT64_MAX, errors::kNotPositive);
  if (!args.Done()) return ctx.reply.Error(args.error());
  PopMany(ctx, key, static_cast<size_t>(count));
}

void SRandMember(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  if (args.empty()) {
    return ReadSet(
        ctx, key, [&](SetView set) { ReplyElement(ctx.reply, set.Random(ThreadRandom())); },
        [&] { ctx.reply.Null(); });
  }
  if (args.left() > 1) return ctx.reply.Error(errors::kSyntax);
  constexpr std::string_view kOutOfRange =
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
  const int64_t count = args.Integer();
  if (count == INT64_MIN) args.Fail(kOutOfRange);
  if (!args.Done()) return ctx.reply.Error(args.error());
  ReadSet(
      ctx, key, [&](SetView set) { ReplyRandom(ctx, set, count); }, [&] { ctx.reply.Array(0); });
}

}  // namespace henge::commands

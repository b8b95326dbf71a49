// SPDX-License-Identifier: Apache-2.0
#include "commands/sets/set_results.h"

#include <utility>

namespace henge::commands {
namespace {

constexpr size_t kInlineFreeEffort = 64;  // Allocations.

}  // namespace

std::optional<std::vector<const store::Entry*>> ReadSets(CommandContext& ctx, ArgReader& args,
                                                         size_t count) {
  std::vector<const store::Entry*> sets;
  sets.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kSet);
    if (found.other_type) return ctx.reply.Error(errors::kWrongType), std::nullopt;
    sets.push_back(found.entry);
  }
  return sets;
}

NewSet::~NewSet() {
  if (entry_ == nullptr) return;
  if (entry_->FreeEffort() <= kInlineFreeEffort) {
    store::Entry::Free(entry_);
    return;
  }
  ctx_.keyspace.store().reclaimer().Submit([entry = entry_] { store::Entry::Free(entry); }, 1);
}

void NewSet::Reply() {
  ctx_.reply.Set(set().size());
  set().ForEach([&](const store::SetElement& element) { ReplyElement(ctx_.reply, element); });
}

void NewSet::Store(const store::Key& key, const store::Event& event) {
  ctx_.reply.Integer(static_cast<int64_t>(set().size()));
  ctx_.keyspace.SetCollection(key, std::exchange(entry_, nullptr), event);
}

void Reclaim(CommandContext& ctx, std::unique_ptr<store::LargeSet> set) {
  if (set == nullptr || set->size() <= kInlineFreeEffort) return;
  ctx.keyspace.store().reclaimer().Submit([set = set.release()] { delete set; }, 1);
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// PFADD, PFCOUNT and PFMERGE.
#include <absl/container/inlined_vector.h>

#include <algorithm>

#include "commands/context.h"
#include "commands/hyperloglog/handlers.h"
#include "commands/hyperloglog/sketch.h"
#include "commands/hyperloglog/value.h"

namespace henge::commands {
namespace {

using Hits = absl::InlinedVector<hll::Hit, 64>;

size_t SparseMaxBytes(const CommandContext& ctx) {
  return static_cast<size_t>(
      ctx.services.settings().hll_sparse_max_bytes.load(std::memory_order_relaxed));
}

// Adds to a dense value, in place; whether that changed it.
bool AddToDense(CommandContext& ctx, const store::Key& key, std::string_view value,
                const Hits& hits) {
  const uint8_t* now = hll::RegisterBytes(value);
  const auto raises = [](const uint8_t* registers, const hll::Hit& hit) {
    return hll::DenseRank(registers, hit.index) < hit.rank;
  };
  if (std::ranges::none_of(hits, [&](const hll::Hit& hit) { return raises(now, hit); })) {
    return false;
  }
  ctx.keyspace.EditString(key, value.size(), store::events::kPfAdd, [&](char* bytes) {
    auto* registers = reinterpret_cast<uint8_t*>(bytes) + hll::kHeaderSize;
    for (const hll::Hit& hit : hits) {
      if (raises(registers, hit)) hll::SetDenseRank(registers, hit.index, hit.rank);
    }
    hll::ForgetCount(bytes);
    return true;
  });
  return true;
}

// Adds to a sparse value, or makes one where there is none, and replies.
void AddToSparse(CommandContext& ctx, const store::Key& key, const store::Entry* entry,
                 const Hits& hits) {
  const std::string_view value = entry != nullptr ? entry->bytes() : hll::EmptySketch();
  if (value.size() > hll::kMaxSparseSize) return ReplyDamaged(ctx);
  hll::Sketch sketch(value, SparseMaxBytes(ctx));
  bool changed = entry == nullptr;
  for (const hll::Hit& hit : hits) {
    const auto outcome = sketch.Raise(hit);
    if (outcome == hll::Sketch::Outcome::kDamaged) return ReplyDamaged(ctx);
    changed |= outcome == hll::Sketch::Outcome::kRaised;
  }
  if (changed) KeepHyperLogLog(ctx, key, std::move(sketch).Take(), store::events::kPfAdd);
  ctx.reply.Integer(changed ? 1 : 0);
}

void CountOne(CommandContext& ctx, const store::Key& key) {
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsNoHyperLogLog(ctx, entry)) return;
  const std::string_view value = entry->bytes();
  if (const auto cached = hll::CachedCount(value)) {
    return ctx.reply.Integer(static_cast<int64_t>(*cached));
  }
  const auto count = hll::Count(value);
  if (!count) return ReplyDamaged(ctx);
  ctx.keyspace.EditString(key, value.size(), store::events::kUntold, [&](char* bytes) {
    hll::StoreCount(bytes, *count);
    return true;
  });
  ctx.reply.Integer(static_cast<int64_t>(*count));
}

// The highest ranks of all keys. False when it has replied an error.
struct Union {
  hll::Registers registers{};
  bool any_dense = false;

  bool Add(CommandContext& ctx, const store::Entry* entry) {
    if (entry == nullptr) return true;
    if (IsNoHyperLogLog(ctx, entry)) return false;
    const std::string_view value = entry->bytes();
    any_dense |= hll::FormOf(value) == hll::Form::kDense;
    if (hll::MergeInto(value, registers)) return true;
    ReplyDamaged(ctx);
    return false;
  }
};

// The sparse value, empty where there is none, raised to the union; it may turn dense.
std::string RaisedSparse(CommandContext& ctx, const store::Entry* entry,
                         const hll::Registers& registers) {
  hll::Sketch sketch(entry != nullptr ? entry->bytes() : hll::EmptySketch(), SparseMaxBytes(ctx));
  for (uint32_t i = 0; i < hll::kRegisters; ++i) {
    if (registers.ranks[i] == 0) continue;
    sketch.Raise({static_cast<uint16_t>(i), registers.ranks[i]});
  }
  return std::move(sketch).Take();
}

// The union as a dense value under the header of the one there was.
std::string DenseOf(const store::Entry* entry, const hll::Registers& registers) {
  std::string value(hll::kDenseSize, '\0');
  const std::string_view old = entry != nullptr ? entry->bytes() : hll::EmptySketch();
  old.copy(value.data(), hll::kHeaderSize);
  hll::SetForm(value.data(), hll::Form::kDense);
  hll::ForgetCount(value.data());
  hll::PackDense(registers, reinterpret_cast<uint8_t*>(value.data()) + hll::kHeaderSize);
  return value;
}

}  // namespace

void PfAdd(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry != nullptr && IsNoHyperLogLog(ctx, entry)) return;
  Hits hits;
  while (!args.empty()) hits.push_back(hll::HitOf(args.Next()));
  if (entry == nullptr || hll::FormOf(entry->bytes()) == hll::Form::kSparse) {
    return AddToSparse(ctx, key, entry, hits);
  }
  ctx.reply.Integer(AddToDense(ctx, key, entry->bytes(), hits) ? 1 : 0);
}

void PfCount(CommandContext& ctx, ArgReader& args) {
  if (args.left() == 1) return CountOne(ctx, args.Key());
  Union all;
  while (!args.empty()) {
    if (!all.Add(ctx, ctx.keyspace.Read(args.Key()))) return;
  }
  ctx.reply.Integer(static_cast<int64_t>(hll::CountOf(all.registers)));
}

void PfMerge(CommandContext& ctx, ArgReader& args) {
  const store::Key to = args.Key();
  Union all;
  if (!all.Add(ctx, ctx.keyspace.Read(to))) return;
  while (!args.empty()) {
    if (!all.Add(ctx, ctx.keyspace.Read(args.Key()))) return;
  }
  const store::Entry* old = ctx.keyspace.Find(to);
  KeepHyperLogLog(
      ctx, to, all.any_dense ? DenseOf(old, all.registers) : RaisedSparse(ctx, old, all.registers),
      store::events::kPfAdd);
  ctx.reply.Ok();
}

}  // namespace henge::commands

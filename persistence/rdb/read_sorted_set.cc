// SPDX-License-Identifier: Apache-2.0
// Sorted sets: of members with scores, or of one block of them.
#include <cmath>

#include "base/numbers.h"
#include "persistence/rdb/loaded_object.h"
#include "persistence/rdb/pack_reader.h"
#include "store/sorted_set/sorted_set_builder.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::Listpack;
using store::ListpackElement;
using store::PackedSortedSet;
using store::SortedSetBuilder;
using store::SortedSetLimits;
using store::Type;

SortedSetLimits LimitsOf(const EncodingLimits& limits) {
  return {.members = LimitOf(limits.zset_max_listpack_entries),
          .member_bytes = LimitOf(limits.zset_max_listpack_value)};
}

LoadedObject Built(SortedSetBuilder& builder, const SortedSetLimits& limits) {
  store::Entry* entry = builder.Build("", limits);
  LoadedObject built(Type::kSortedSet, entry->encoding(), entry->object());
  std::free(entry);  // Without what it points to.
  return built;
}

LoadedObject ReadMembers(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  const bool binary = form == RdbType::kSortedSet2;
  SortedSetBuilder builder;
  std::string scratch;
  const uint64_t members = reader.Count(binary ? 9 : 2);
  if (reader.ok()) builder.Expect(members);
  for (uint64_t left = members; left > 0 && reader.ok(); --left) {
    const std::string_view member = reader.String(scratch);
    const double score = binary ? reader.Double() : reader.OldDouble();
    if (!reader.ok()) break;
    if (std::isnan(score)) reader.Fail("a score that is no number");
    builder.Merge(member, score, [](double have, double) { return have; });
  }
  if (reader.ok() && builder.size() != members) {
    reader.Fail("a sorted set that has a member twice");
  }
  if (!reader.ok()) return {};
  return Built(builder, LimitsOf(limits));
}

// The score's text must be one; what isn't would read as zero.
bool IsScore(const ListpackElement& element) {
  return element.is_integer() || ParseDouble({element.data, element.size}).has_value();
}

enum class Order : uint8_t { kSorted, kUnsorted, kNoScores };

Order OrderOf(const PackedSortedSet& set) {
  Order order = Order::kSorted;
  double before = -INFINITY;
  std::string member_before;
  for (auto at = set.First(); at != Listpack::kNone; at = set.Next(at)) {
    if (!IsScore(set.pack().Get(set.pack().Next(at)))) return Order::kNoScores;
    const double score = set.ScoreAt(at);
    ListpackElement::Digits digits;
    const std::string_view member = set.MemberAt(at).Text(digits);
    if (score < before || (score == before && member < member_before)) order = Order::kUnsorted;
    before = score;
    member_before = member;
  }
  return order;
}

LoadedObject ReadPacked(RdbReader& reader, PackForm form, const EncodingLimits& limits) {
  Rows rows = ReadRows(reader, form, 2, "Zset");
  if (!rows.pack) return {};
  const PackedSortedSet set(rows.pack.get().block());
  const Order order = OrderOf(set);
  if (order == Order::kNoScores) {
    reader.Fail("a score that is no number");
    return {};
  }
  SortedSetLimits most = LimitsOf(limits);
  if (order == Order::kSorted && rows.count <= most.members) {
    return {Type::kSortedSet, Encoding::kListpack, rows.pack.Release()};
  }
  most.member_bytes = Listpack::kMaxBytes;  // What came packed stays so, if it is few.
  SortedSetBuilder builder;
  for (auto at = set.First(); at != Listpack::kNone; at = set.Next(at)) {
    ListpackElement::Digits digits;
    builder.Add(set.MemberAt(at).Text(digits), set.ScoreAt(at));
  }
  return Built(builder, most);
}

}  // namespace

LoadedObject ReadSortedSet(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  switch (form) {
    case RdbType::kSortedSetListpack:
      return ReadPacked(reader, PackForm::kListpack, limits);
    case RdbType::kSortedSetZiplist:
      return ReadPacked(reader, PackForm::kZiplist, limits);
    default:
      return ReadMembers(reader, form, limits);
  }
}

}  // namespace henge::persistence

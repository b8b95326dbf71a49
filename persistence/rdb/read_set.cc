// SPDX-License-Identifier: Apache-2.0
// Sets: of members, of one intset, or of one listpack.
#include <algorithm>
#include <vector>

#include "base/numbers.h"
#include "persistence/rdb/loaded_object.h"
#include "persistence/rdb/pack_reader.h"
#include "store/encoding/intset.h"
#include "store/set/large_set.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::Intset;
using store::LargeSet;
using store::ListpackElement;
using store::Type;

constexpr std::string_view kTwice = "a set that has a member twice";

size_t MaxIntsetEntries(const EncodingLimits& limits) {
  return std::min(LimitOf(limits.set_max_intset_entries), size_t{1} << 30);
}

LoadedObject Kept(std::unique_ptr<LargeSet> set) {
  return {Type::kSet, Encoding::kHashtable, set.release()};
}

// Members in the order of a file: integers as long as there are no others, then a listpack if they
// fit one, then a table.
class SetReader {
 public:
  SetReader(RdbReader& reader, uint64_t count, const EncodingLimits& limits)
      : reader_(reader), limits_(limits) {
    may_pack_ = count <= LimitOf(limits.set_max_listpack_entries);
    if (count <= MaxIntsetEntries(limits)) return;
    integers_only_ = may_pack_ = false;
    MakeTable(count);
  }

  void Add(std::string_view text) {
    if (integers_only_) {
      if (const auto integer = ParseInt64(text)) return integers_.push_back(*integer);
      LeaveIntegers();
    }
    AddText(text);
  }

  LoadedObject Take() {
    if (!reader_.ok()) return {};
    if (table_ != nullptr) return Kept(std::move(table_));
    if (integers_only_) return TakeIntset();
    if (!distinct_.AllDistinct()) return Twice();
    return {Type::kSet, Encoding::kListpack, pack_.Build().Release()};
  }

 private:
  void MakeTable(uint64_t count) {
    table_ = std::make_unique<LargeSet>();
    table_->Reserve(RoomFor(reader_, count));
  }
  void LeaveIntegers() {
    integers_only_ = false;
    if (!may_pack_) MakeTable(integers_.size());
    for (const int64_t integer : integers_) {
      char digits[kInt64Chars];
      AddText({digits, FormatInt64(integer, digits)});
    }
  }
  void AddText(std::string_view text) {
    if (table_ == nullptr) {
      if (text.size() <= LimitOf(limits_.set_max_listpack_value) && pack_.HasRoomFor(text.size())) {
        distinct_.Add(text);
        return pack_.Add(text);
      }
      Unpack();
    }
    if (!table_->Add(text)) reader_.Fail(kTwice);
  }
  void Unpack() {
    const OwnedPack pack = pack_.Build();
    MakeTable(0);
    for (auto at = pack.get().First(); at != store::Listpack::kNone; at = pack.get().Next(at)) {
      ListpackElement::Digits digits;
      if (!table_->Add(pack.get().Get(at).Text(digits))) reader_.Fail(kTwice);
    }
  }
  LoadedObject TakeIntset() {
    std::sort(integers_.begin(), integers_.end());
    if (std::adjacent_find(integers_.begin(), integers_.end()) != integers_.end()) return Twice();
    return {Type::kSet, Encoding::kIntset, Intset::FromSorted(integers_).block()};
  }
  LoadedObject Twice() {
    reader_.Fail(kTwice);
    return {};
  }

  RdbReader& reader_;
  const EncodingLimits& limits_;
  bool integers_only_ = true;
  bool may_pack_;
  std::vector<int64_t> integers_;
  PackBuilder pack_;
  DistinctTexts distinct_;
  std::unique_ptr<LargeSet> table_;
};

LoadedObject ReadMembers(RdbReader& reader, const EncodingLimits& limits) {
  uint64_t left = reader.Count(1);
  SetReader set(reader, left, limits);
  std::string scratch;
  for (; left > 0 && reader.ok(); --left) {
    const std::string_view text = reader.String(scratch);
    if (reader.ok()) set.Add(text);
  }
  return set.Take();
}

LoadedObject ReadIntset(RdbReader& reader, const EncodingLimits& limits) {
  std::string scratch;
  const std::string_view bytes = reader.String(scratch);
  if (!reader.ok()) return {};
  if (!Intset::Validate(bytes)) {
    reader.Fail("unsound intset");
    return {};
  }
  const Intset set = Intset::Copy(bytes);
  LoadedObject intset(Type::kSet, Encoding::kIntset, set.block());
  if (set.size() <= MaxIntsetEntries(limits)) return intset;
  auto large = std::make_unique<LargeSet>();
  large->Reserve(set.size());
  for (uint32_t i = 0; i < set.size(); ++i) {
    char digits[kInt64Chars];
    large->Add({digits, FormatInt64(set.Get(i), digits)});
  }
  return Kept(std::move(large));
}

LoadedObject ReadPackedSet(RdbReader& reader, const EncodingLimits& limits) {
  Rows rows = ReadRows(reader, PackForm::kListpack, 1, "Set");
  if (!rows.pack) return {};
  if (rows.count <= LimitOf(limits.set_max_listpack_entries)) {
    return {Type::kSet, Encoding::kListpack, rows.pack.Release()};
  }
  auto large = std::make_unique<LargeSet>();
  large->Reserve(rows.count);
  const store::Listpack pack = rows.pack.get();
  for (auto at = pack.First(); at != store::Listpack::kNone; at = pack.Next(at)) {
    ListpackElement::Digits digits;
    large->Add(pack.Get(at).Text(digits));
  }
  return Kept(std::move(large));
}

}  // namespace

LoadedObject ReadSet(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  switch (form) {
    case RdbType::kSetIntset:
      return ReadIntset(reader, limits);
    case RdbType::kSetListpack:
      return ReadPackedSet(reader, limits);
    default:
      return ReadMembers(reader, limits);
  }
}

}  // namespace henge::persistence

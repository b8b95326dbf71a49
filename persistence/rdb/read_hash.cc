// SPDX-License-Identifier: Apache-2.0
// Hashes: of fields with values, of one block of them, and both with deadlines.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "persistence/rdb/loaded_object.h"
#include "persistence/rdb/pack_reader.h"
#include "store/hash/field_table.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::FieldTable;
using store::Listpack;
using store::ListpackElement;
using store::Type;

constexpr std::string_view kTwice = "a hash that has a field twice";
// What Redis's fields can hold.
constexpr uint64_t kLatestDeadline = (uint64_t{1} << 48) - 2;

LoadedObject Kept(std::unique_ptr<FieldTable> table) {
  return {Type::kHash, Encoding::kHashtable, table.release()};
}

void Put(RdbReader& reader, FieldTable& table, std::string_view field, std::string_view value,
         UnixMillis deadline) {
  const UnixMillis before = table.Put(field, value, [&](UnixMillis) { return deadline; });
  if (before != FieldTable::kAbsent) reader.Fail(kTwice);
}

// --- Of fields and values -----------------------------------------------------------------------

// Puts fields into a listpack as long as they fit one, then into a table.
class PairReader {
 public:
  PairReader(RdbReader& reader, uint64_t count, const EncodingLimits& limits)
      : reader_(reader), longest_(LimitOf(limits.hash_max_listpack_value)) {
    if (count <= LimitOf(limits.hash_max_listpack_entries)) return;
    table_ = std::make_unique<FieldTable>();
    table_->Reserve(RoomFor(reader, count));
  }
  void Add(std::string_view field, std::string_view value) {
    if (table_ == nullptr) {
      if (field.size() <= longest_ && value.size() <= longest_ &&
          pack_.HasRoomFor(field.size() + value.size())) {
        distinct_.Add(field);
        pack_.Add(field);
        return pack_.Add(value);
      }
      Unpack();
    }
    Put(reader_, *table_, field, value, kNoExpiry);
  }
  LoadedObject Take() {
    if (!reader_.ok()) return {};
    if (table_ != nullptr) return Kept(std::move(table_));
    if (distinct_.AllDistinct()) {
      return {Type::kHash, Encoding::kListpack, pack_.Build().Release()};
    }
    reader_.Fail(kTwice);
    return {};
  }

 private:
  void Unpack() {
    table_ = std::make_unique<FieldTable>();
    const OwnedPack owned = pack_.Build();
    const Listpack pack = owned.get();
    for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
      ListpackElement::Digits field_digits;
      ListpackElement::Digits value_digits;
      const std::string_view field = pack.Get(at).Text(field_digits);
      at = pack.Next(at);
      Put(reader_, *table_, field, pack.Get(at).Text(value_digits), kNoExpiry);
    }
  }

  RdbReader& reader_;
  size_t longest_;
  PackBuilder pack_;
  DistinctTexts distinct_;
  std::unique_ptr<FieldTable> table_;
};

LoadedObject ReadPairs(RdbReader& reader, const EncodingLimits& limits) {
  uint64_t left = reader.Count(2);
  PairReader pairs(reader, left, limits);
  std::string field_scratch;
  std::string value_scratch;
  for (; left > 0 && reader.ok(); --left) {
    const std::string_view field = reader.String(field_scratch);
    const std::string_view value = reader.String(value_scratch);
    if (reader.ok()) pairs.Add(field, value);
  }
  return pairs.Take();
}

// --- With deadlines -----------------------------------------------------------------------------

struct Field {
  std::string name;
  std::string value;
  UnixMillis deadline;  // kNoExpiry for none.
};

// As deadlines are ordered in a listpack: those that have none are last.
uint64_t Rank(UnixMillis deadline) { return static_cast<uint64_t>(deadline); }
static_assert(static_cast<uint64_t>(kNoExpiry) == UINT64_MAX);

LoadedObject PackWithDeadlines(RdbReader& reader, std::vector<Field>& fields) {
  std::stable_sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) {
    return Rank(a.deadline) < Rank(b.deadline);
  });
  PackBuilder pack;
  DistinctTexts distinct;
  for (const Field& field : fields) {
    distinct.Add(field.name);
    pack.Add(field.name);
    pack.Add(field.value);
    pack.Add(field.deadline == kNoExpiry ? int64_t{0} : field.deadline);
  }
  if (!distinct.AllDistinct()) {
    reader.Fail(kTwice);
    return {};
  }
  return {Type::kHash, Encoding::kListpackEx, pack.Build().Release()};
}

// Collects fields while they fit a listpack, and puts them all into a table when they don't.
class DeadlineReader {
 public:
  DeadlineReader(RdbReader& reader, uint64_t count, const EncodingLimits& limits)
      : reader_(reader), longest_(LimitOf(limits.hash_max_listpack_value)) {
    if (count <= LimitOf(limits.hash_max_listpack_entries)) return;
    table_ = std::make_unique<FieldTable>();
    table_->Reserve(RoomFor(reader, count));
  }
  void Add(std::string_view name, std::string_view value, UnixMillis deadline) {
    constexpr size_t kOverhead = 64;
    bytes_ += name.size() + value.size() + kOverhead;
    const bool fits = name.size() <= longest_ && value.size() <= longest_;
    if (table_ == nullptr && fits && bytes_ < Listpack::kMaxBytes) {
      fields_.push_back({std::string(name), std::string(value), deadline});
      return;
    }
    if (table_ == nullptr) {
      table_ = std::make_unique<FieldTable>();
      for (const Field& f : fields_) Put(reader_, *table_, f.name, f.value, f.deadline);
    }
    Put(reader_, *table_, name, value, deadline);
  }
  LoadedObject Take() {
    if (!reader_.ok()) return {};
    return table_ != nullptr ? Kept(std::move(table_)) : PackWithDeadlines(reader_, fields_);
  }

 private:
  RdbReader& reader_;
  size_t longest_;
  size_t bytes_ = 0;
  std::vector<Field> fields_;
  std::unique_ptr<FieldTable> table_;
};

// A deadline as it stands: 0 for none, else one more than its distance from `first`.
UnixMillis DeadlineOf(RdbReader& reader, uint64_t stored, uint64_t first) {
  if (stored == 0) return kNoExpiry;
  const uint64_t distance = stored - 1;
  if (distance <= kLatestDeadline && distance + first <= kLatestDeadline && distance + first > 0) {
    return static_cast<UnixMillis>(distance + first);
  }
  reader.Fail(fmt::format("a field's deadline of {} is out of range", stored));
  return kNoExpiry;
}

LoadedObject ReadTriples(RdbReader& reader, bool relative, const EncodingLimits& limits) {
  // Absolute ones are as if counted from 1, which then counts as the distance 0.
  const uint64_t first = relative ? reader.Fixed64() : 1;
  if (first > kLatestDeadline) reader.Fail("a hash's first deadline is out of range");
  uint64_t left = reader.Count(3);
  DeadlineReader fields(reader, left, limits);
  std::string name_scratch;
  std::string value_scratch;
  for (; left > 0 && reader.ok(); --left) {
    const UnixMillis deadline = DeadlineOf(reader, reader.Length(), first);
    const std::string_view name = reader.String(name_scratch);
    const std::string_view value = reader.String(value_scratch);
    if (reader.ok()) fields.Add(name, value, deadline);
  }
  return fields.Take();
}

// Valkey's: absolute, of 8 bytes behind the value; -1 for none.
LoadedObject ReadValkeyTriples(RdbReader& reader, const EncodingLimits& limits) {
  uint64_t left = reader.Count(10);
  DeadlineReader fields(reader, left, limits);
  std::string name_scratch;
  std::string value_scratch;
  for (; left > 0 && reader.ok(); --left) {
    const std::string_view name = reader.String(name_scratch);
    const std::string_view value = reader.String(value_scratch);
    const auto stored = static_cast<int64_t>(reader.Fixed64());
    if (stored < -1 || stored > static_cast<int64_t>(kLatestDeadline)) {
      reader.Fail(fmt::format("a field's deadline of {} is out of range", stored));
    }
    // 0 is long past, and no deadline here.
    const UnixMillis deadline = stored == -1 ? kNoExpiry : std::max<int64_t>(stored, 1);
    if (reader.ok()) fields.Add(name, value, deadline);
  }
  return fields.Take();
}

// --- Of one block -------------------------------------------------------------------------------

LoadedObject ReadPackedPairs(RdbReader& reader, PackForm form, const EncodingLimits& limits) {
  Rows rows = ReadRows(reader, form, 2, "Hash");
  if (!rows.pack) return {};
  bool fits = rows.count <= LimitOf(limits.hash_max_listpack_entries);
  const Listpack pack = rows.pack.get();
  if (fits && form == PackForm::kZipmap) {  // Whose limits were others.
    const size_t longest = LimitOf(limits.hash_max_listpack_value);
    for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
      fits = fits && pack.Get(at).TextSize() <= longest;
    }
  }
  if (fits) return {Type::kHash, Encoding::kListpack, rows.pack.Release()};
  auto table = std::make_unique<FieldTable>();
  table->Reserve(rows.count);
  for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
    ListpackElement::Digits field_digits;
    ListpackElement::Digits value_digits;
    const std::string_view field = pack.Get(at).Text(field_digits);
    at = pack.Next(at);
    Put(reader, *table, field, pack.Get(at).Text(value_digits), kNoExpiry);
  }
  return Kept(std::move(table));
}

LoadedObject ReadPackedTriples(RdbReader& reader, const EncodingLimits& limits) {
  const Rows rows = ReadRows(reader, PackForm::kListpack, 3, "Hash");
  if (!rows.pack) return {};
  DeadlineReader fields(reader, rows.count, limits);
  const Listpack pack = rows.pack.get();
  for (auto at = pack.First(); at != Listpack::kNone && reader.ok(); at = pack.Next(at)) {
    ListpackElement::Digits field_digits;
    ListpackElement::Digits value_digits;
    const std::string_view field = pack.Get(at).Text(field_digits);
    at = pack.Next(at);
    const std::string_view value = pack.Get(at).Text(value_digits);
    at = pack.Next(at);
    const ListpackElement deadline = pack.Get(at);
    if (!deadline.is_integer() || deadline.integer < 0) reader.Fail("a deadline that is no time");
    fields.Add(field, value, DeadlineOf(reader, static_cast<uint64_t>(deadline.integer), 1));
  }
  return fields.Take();
}

}  // namespace

LoadedObject ReadHash(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  switch (form) {
    case RdbType::kHashZipmap:
      return ReadPackedPairs(reader, PackForm::kZipmap, limits);
    case RdbType::kHashZiplist:
      return ReadPackedPairs(reader, PackForm::kZiplist, limits);
    case RdbType::kHashListpack:
      return ReadPackedPairs(reader, PackForm::kListpack, limits);
    case RdbType::kHashListpackEx:
      reader.Fixed64();  // The first deadline, which the fields tell as well.
      return ReadPackedTriples(reader, limits);
    case RdbType::kHashListpackExEarly:
      return ReadPackedTriples(reader, limits);
    case RdbType::kHashDeadlines:
      return ReadTriples(reader, /*relative=*/true, limits);
    case RdbType::kHashDeadlinesValkey:
      return ReadValkeyTriples(reader, limits);
    case RdbType::kHashDeadlinesEarly:
      return ReadTriples(reader, /*relative=*/false, limits);
    default:
      return ReadPairs(reader, limits);
  }
}

}  // namespace henge::persistence

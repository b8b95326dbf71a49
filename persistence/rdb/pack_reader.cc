// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/pack_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/rdb/old_blocks.h"
#include "store/key.h"

namespace henge::persistence {
namespace {

using store::Listpack;
using store::ListpackElement;

OwnedPack Convert(RdbReader& reader, PackForm form, std::string_view bytes) {
  PackBuilder builder;
  bool fits = true;
  const auto add = [&](const ListpackElement& element) {
    fits = fits && builder.HasRoomFor(element.size);
    if (fits) builder.Add(element);
  };
  const bool sound = form == PackForm::kZiplist ? WalkZiplist(bytes, add) : WalkZipmap(bytes, add);
  if (sound && fits) return builder.Build();
  reader.Fail(form == PackForm::kZiplist ? "unsound ziplist" : "unsound zipmap");
  return {};
}

}  // namespace

OwnedPack ReadPack(RdbReader& reader, PackForm form, std::string& scratch) {
  const std::string_view bytes = reader.String(scratch);
  if (!reader.ok()) return {};
  if (form != PackForm::kListpack) return Convert(reader, form, bytes);
  if (Listpack::Validate(bytes)) return OwnedPack(Listpack::Copy(bytes));
  reader.Fail("unsound listpack");
  return {};
}

void DistinctTexts::Add(std::string_view text) { hashes_.push_back(store::HashKey(text)); }

bool DistinctTexts::AllDistinct() {
  std::sort(hashes_.begin(), hashes_.end());
  return std::adjacent_find(hashes_.begin(), hashes_.end()) == hashes_.end();
}

std::optional<PackFacts> ExaminePack(const Listpack& pack, uint32_t width) {
  PackFacts facts;
  DistinctTexts keys;
  size_t shortest = Listpack::kHeader + 1;
  uint32_t column = 0;
  for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
    ListpackElement::Digits digits;
    const std::string_view text = pack.Get(at).Text(digits);
    shortest += Listpack::BytesFor(text);
    if (column == 0) {
      keys.Add(text);
      ++facts.rows;
    }
    column = column + 1 == width ? 0 : column + 1;
  }
  if (column != 0) return std::nullopt;
  facts.distinct = keys.AllDistinct();
  facts.canonical = shortest == pack.bytes();
  return facts;
}

OwnedPack Canonical(const Listpack& pack) {
  PackBuilder builder;
  for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
    ListpackElement::Digits digits;
    builder.Add(pack.Get(at).Text(digits));
  }
  return builder.Build();
}

Rows ReadRows(RdbReader& reader, PackForm form, uint32_t width, std::string_view what) {
  std::string scratch;
  OwnedPack pack = ReadPack(reader, form, scratch);
  if (!pack) return {};
  const auto facts = ExaminePack(pack.get(), width);
  if (!facts) {
    reader.Fail(fmt::format("a {} whose elements make no whole rows", what));
    return {};
  }
  if (!facts->distinct) {
    reader.Fail(fmt::format("a {} that has an element twice", what));
    return {};
  }
  if (!facts->canonical) pack = Canonical(pack.get());
  return {std::move(pack), facts->rows};
}

}  // namespace henge::persistence

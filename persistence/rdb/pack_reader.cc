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

// "Zset ziplist"; zipmaps are of hashes only.
std::string NameOf(PackForm form, std::string_view what) {
  if (form == PackForm::kZipmap) return "Zipmap";
  return fmt::format("{} {}", what, form == PackForm::kZiplist ? "ziplist" : "listpack");
}

// None where the bytes are unsound, or too many.
OwnedPack Convert(PackForm form, std::string_view bytes) {
  PackBuilder builder;
  bool fits = true;
  const auto add = [&](const ListpackElement& element) {
    fits = fits && builder.HasRoomFor(element.size);
    if (fits) builder.Add(element);
  };
  const bool sound = form == PackForm::kZiplist ? WalkZiplist(bytes, add) : WalkZipmap(bytes, add);
  if (!sound || !fits) return {};
  OwnedPack pack = builder.Build();
  // Redis never wrote a zipmap without fields, and takes none.
  return form == PackForm::kZipmap && pack.get().empty() ? OwnedPack() : std::move(pack);
}

// Whether the text can be an integer's digits, so that it must be looked at in full.
bool MayBeInteger(std::string_view text) {
  constexpr size_t kMostDigits = 20;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= kMostDigits && is_digit(text.back()) &&
         (is_digit(text.front()) || text.front() == '-');
}

// Of an element that is no integer: docs/formats/listpack.md.
size_t BytesForText(size_t size) {
  const size_t payload = size + (size < 64 ? 1 : size < 4096 ? 2 : 5);
  // One less than seven bits could hold, but for the first, as Redis counts.
  const size_t back = payload <= 127        ? 1
                      : payload < 16383     ? 2
                      : payload < 2097151   ? 3
                      : payload < 268435455 ? 4
                                            : 5;
  return payload + back;
}

}  // namespace

void FailPack(RdbReader& reader, PackForm form, std::string_view what, std::string_view why) {
  reader.Fail(fmt::format("{} integrity check failed{}{}", NameOf(form, what),
                          why.empty() ? "" : ": ", why));
}

OwnedPack ReadPack(RdbReader& reader, PackForm form, std::string_view what, std::string& scratch) {
  const std::string_view bytes = reader.String(scratch);
  if (!reader.ok()) return {};
  OwnedPack pack;
  if (form != PackForm::kListpack) {
    pack = Convert(form, bytes);
  } else if (Listpack::Validate(bytes)) {
    pack = OwnedPack(Listpack::Copy(bytes));
  }
  if (!pack) FailPack(reader, form, what, {});
  return pack;
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
    shortest += pack.Get(at).is_integer() || MayBeInteger(text) ? Listpack::BytesFor(text)
                                                                : BytesForText(text.size());
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
  OwnedPack pack = ReadPack(reader, form, what, scratch);
  if (!pack) return {};
  const auto facts = ExaminePack(pack.get(), width);
  if (!facts) {
    FailPack(reader, form, what, "its elements make no whole rows");
    return {};
  }
  if (!facts->distinct) {
    const bool listpack = form == PackForm::kListpack;
    FailPack(reader, form, what, listpack ? "listpack with dup elements" : "dup elements");
    return {};
  }
  if (!facts->canonical) pack = Canonical(pack.get());
  return {std::move(pack), facts->rows};
}

}  // namespace henge::persistence

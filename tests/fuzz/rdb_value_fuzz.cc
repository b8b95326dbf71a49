// SPDX-License-Identifier: Apache-2.0
// A value from outside, as RESTORE gets it: what is read must bear being changed, and come back the
// same from every version that it is written in. The input is the value itself, its type first; or,
// where its first byte says so, the damage to be done to a sound one: which, in which version, then
// three bytes for each byte to be replaced.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/rdb/payload.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_reader.h"
#include "persistence/rdb/value_writer.h"

namespace {

using henge::persistence::Describe;
using henge::persistence::RdbReader;
using henge::persistence::RdbWriter;
using henge::persistence::SampleValues;
using henge::store::Entry;
using henge::store::OwnedEntry;

constexpr uint8_t kDamageFrom = 64;  // First bytes below are types of values.

void Expect(bool holds) {
  if (!holds) std::abort();
}

SampleValues& Samples() {
  static auto* samples = new SampleValues(20);
  return *samples;
}

std::string Written(const Entry& entry, int version) {
  std::string out;
  RdbWriter writer(out, {.version = version, .compress = version % 2 == 0});
  writer.Type(henge::persistence::RdbTypeOf(entry, version));
  henge::persistence::WriteBody(entry, writer);
  return out;
}

const std::vector<std::string>& SoundValues() {
  static const auto* values = [] {
    auto* all = new std::vector<std::string>;
    std::vector<OwnedEntry> entries = Samples().All();
    for (OwnedEntry& entry : Samples().WithDeadlines()) entries.push_back(std::move(entry));
    for (const OwnedEntry& entry : entries) {
      for (int version = 9; version <= 12; ++version) all->push_back(Written(*entry, version));
    }
    return all;
  }();
  return *values;
}

std::string Damaged(const uint8_t* data, size_t size) {
  const auto& sound = SoundValues();
  std::string value = sound[(data[0] * size_t{256} + data[1]) % sound.size()];
  for (size_t i = 2; i + 2 < size; i += 3) {
    value[(data[i] * size_t{256} + data[i + 1]) % value.size()] = static_cast<char>(data[i + 2]);
  }
  return value;
}

void Change(Entry& entry) {
  namespace store = henge::store;
  const store::EncodingLimits& limits = Samples().limits();
  switch (entry.type()) {
    case store::Type::kSet: {
      store::Set set(entry, limits);
      const bool is_new = set.Add("another");
      Expect(set.Contains("another") && set.Remove("another"));
      if (!is_new) set.Add("another");
      break;
    }
    case store::Type::kHash: {
      store::Hash hash(entry, limits, 0);
      hash.Set("another", "value");
      Expect(hash.Get("another").has_value());
      hash.SetDeadline("another", 5);
      Expect(hash.Delete("another"));
      break;
    }
    case store::Type::kSortedSet: {
      store::SortedSet set(entry);
      set.Put("another", 1.5, {});
      Expect(set.Score("another") == 1.5 && set.Remove("another"));
      break;
    }
    case store::Type::kStream: {
      auto& stream = *static_cast<store::Stream*>(entry.object());
      const auto next = stream.last_id().Next();
      const std::string_view pair[] = {"f", "v"};
      if (next) stream.Append(*next, pair, {});
      stream.Trim({.length = stream.length() / 2});
      break;
    }
    default:
      break;
  }
}

void ComesBack(const Entry& entry) {
  const std::string said = Describe(entry);
  for (int version = 10; version <= 12; ++version) {
    const std::string written = Written(entry, version);
    const auto read = henge::persistence::LoadUnsealed(
        {written, henge::persistence::kRdbNewestVersion}, "key", -1, Samples().limits());
    if (entry.is_collection() && entry.IsEmptyCollection()) continue;
    Expect(read.ok());
    if (version > 10) Expect(Describe(**read) == said);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string value = data[0] < kDamageFrom
                                ? std::string(reinterpret_cast<const char*>(data), size)
                                : Damaged(data, size);
  RdbReader reader(std::string_view(value).substr(1));
  const auto type = static_cast<uint8_t>(value[0]);
  auto entry = henge::persistence::ReadValue(reader, type, "key", -1, Samples().limits());
  if (!entry.ok()) return 0;
  RdbReader skipping(std::string_view(value).substr(1));
  henge::persistence::SkipValue(skipping, type);
  Expect(skipping.ok() && skipping.position() == reader.position());
  ComesBack(**entry);
  Change(**entry);
  ComesBack(**entry);
  return 0;
}

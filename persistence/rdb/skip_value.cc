// SPDX-License-Identifier: Apache-2.0
// Going over values without reading them.
#include <fmt/format.h>

#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

template <class F>
void Repeat(RdbReader& reader, size_t least, F skip) {
  for (uint64_t left = reader.Count(least); left > 0 && reader.ok(); --left) skip();
}

// Each of some strings and some bytes.
void SkipRows(RdbReader& reader, size_t strings, size_t bytes) {
  Repeat(reader, strings + bytes, [&] {
    for (size_t i = 0; i < strings; ++i) reader.SkipString();
    reader.Raw(bytes);
  });
}

void SkipStream(RdbReader& reader, RdbType form) {
  constexpr size_t kRawId = 16;
  const auto skip_id = [&] {
    reader.Length();
    reader.Length();
  };
  Repeat(reader, 2, [&] {
    reader.SkipString();
    reader.SkipString();
  });
  reader.Length();
  skip_id();
  if (form >= RdbType::kStream2) {
    skip_id();
    skip_id();
    reader.Length();
  }
  Repeat(reader, 4, [&] {
    reader.SkipString();
    skip_id();
    if (form >= RdbType::kStream2) reader.Length();
    Repeat(reader, kRawId + 9, [&] {
      reader.Raw(kRawId + 8);
      reader.Length();
    });
    Repeat(reader, 10, [&] {
      reader.SkipString();
      reader.Raw(form >= RdbType::kStream3 ? 16 : 8);
      const uint64_t pending = reader.Count(kRawId);
      reader.Raw(pending * kRawId);
    });
  });
}

}  // namespace

std::string ModuleName(uint64_t id) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string name(9, ' ');
  id >>= 10;  // The version of its encoding.
  for (size_t i = name.size(); i-- > 0; id >>= 6) name[i] = kLetters[id & 63];
  return name;
}

void SkipModuleParts(RdbReader& reader) {
  while (reader.ok()) {
    const uint64_t part = reader.Length();
    if (!reader.ok()) return;
    switch (part) {
      case static_cast<uint64_t>(ModulePart::kEnd):
        return;
      case static_cast<uint64_t>(ModulePart::kSigned):
      case static_cast<uint64_t>(ModulePart::kUnsigned):
        reader.Length();
        break;
      case static_cast<uint64_t>(ModulePart::kFloat):
        reader.Fixed32();
        break;
      case static_cast<uint64_t>(ModulePart::kDouble):
        reader.Fixed64();
        break;
      case static_cast<uint64_t>(ModulePart::kString):
        reader.SkipString();
        break;
      default:
        reader.Fail(fmt::format("unknown part {} of a module's value", part));
    }
  }
}

void SkipValue(RdbReader& reader, uint8_t type) {
  const auto form = static_cast<RdbType>(type);
  switch (form) {
    case RdbType::kString:
    case RdbType::kHashZipmap:
    case RdbType::kListZiplist:
    case RdbType::kSetIntset:
    case RdbType::kSortedSetZiplist:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
    case RdbType::kSetListpack:
    case RdbType::kHashListpackExEarly:
      return reader.SkipString();
    case RdbType::kHashListpackEx:
      reader.Fixed64();
      return reader.SkipString();
    case RdbType::kList:
    case RdbType::kSet:
    case RdbType::kListQuicklist:
      return SkipRows(reader, 1, 0);
    case RdbType::kSortedSet:
      return Repeat(reader, 2, [&] {
        reader.SkipString();
        reader.SkipOldDouble();
      });
    case RdbType::kSortedSet2:
      return SkipRows(reader, 1, 8);
    case RdbType::kHash:
      return SkipRows(reader, 2, 0);
    case RdbType::kListQuicklist2:
      return Repeat(reader, 2, [&] {
        reader.Length();
        reader.SkipString();
      });
    case RdbType::kHashDeadlines:
      reader.Fixed64();
      [[fallthrough]];
    case RdbType::kHashDeadlinesEarly:
      return Repeat(reader, 3, [&] {
        reader.Length();
        reader.SkipString();
        reader.SkipString();
      });
    case RdbType::kHashDeadlinesValkey:
      return SkipRows(reader, 2, 8);
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return SkipStream(reader, form);
    case RdbType::kModule2:
      reader.Length();
      return SkipModuleParts(reader);
    case RdbType::kModule:
      return reader.FailAs(
          absl::StatusCode::kUnimplemented,
          fmt::format("a value of module type '{}', in the form of Redis 4's release candidates",
                      ModuleName(reader.Length())));
  }
  reader.Fail(fmt::format("unknown type of value {}", type));
}

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/value_reader.h"

#include <fmt/format.h>

#include "persistence/rdb/loaded_object.h"

namespace henge::persistence {
namespace {

void ReportModule(RdbReader& reader, RdbType form) {
  const std::string name = ModuleName(reader.Length());
  if (form == RdbType::kModule) {
    return reader.FailAs(
        absl::StatusCode::kUnimplemented,
        fmt::format("a value of module type '{}', in the form of Redis 4's release candidates",
                    name));
  }
  SkipModuleParts(reader);
  reader.FailAs(absl::StatusCode::kUnimplemented,
                fmt::format("a value of module type '{}', which is not known here", name));
}

LoadedObject ReadObject(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  switch (form) {
    case RdbType::kList:
    case RdbType::kListZiplist:
    case RdbType::kListQuicklist:
    case RdbType::kListQuicklist2:
      return ReadList(reader, form, limits);
    case RdbType::kSet:
    case RdbType::kSetIntset:
    case RdbType::kSetListpack:
      return ReadSet(reader, form, limits);
    case RdbType::kSortedSet:
    case RdbType::kSortedSet2:
    case RdbType::kSortedSetZiplist:
    case RdbType::kSortedSetListpack:
      return ReadSortedSet(reader, form, limits);
    case RdbType::kHash:
    case RdbType::kHashZipmap:
    case RdbType::kHashZiplist:
    case RdbType::kHashListpack:
    case RdbType::kHashDeadlinesEarly:
    case RdbType::kHashListpackExEarly:
    case RdbType::kHashDeadlines:
    case RdbType::kHashListpackEx:
    case RdbType::kHashDeadlinesValkey:
      return ReadHash(reader, form, limits);
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return ReadStream(reader, form);
    case RdbType::kModule:
    case RdbType::kModule2:
      ReportModule(reader, form);
      return {};
    case RdbType::kString:
      break;
  }
  reader.Fail(fmt::format("unknown type of value {}", static_cast<int>(form)));
  return {};
}

}  // namespace

absl::StatusOr<store::OwnedEntry> ReadValue(RdbReader& reader, uint8_t type, std::string_view key,
                                            UnixMillis expiry, const EncodingLimits& limits) {
  const auto form = static_cast<RdbType>(type);
  if (form == RdbType::kString) {
    std::string scratch;
    const std::string_view text = reader.String(scratch);
    if (!reader.ok()) return reader.status();
    return store::OwnedEntry(store::Entry::NewString(key, text, expiry));
  }
  LoadedObject object = ReadObject(reader, form, limits);
  if (!reader.ok()) return reader.status();
  if (form != RdbType::kStream && !object.HasElements()) {
    reader.FailAs(absl::StatusCode::kNotFound, "a collection without elements");
    return reader.status();
  }
  return std::move(object).IntoEntry(key, expiry);
}

}  // namespace henge::persistence

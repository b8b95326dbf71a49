// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/file_parser.h"

#include <fmt/format.h>

#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

constexpr std::string_view kMagic = "REDIS";
constexpr std::string_view kValkeyMagic = "VALKEY";
constexpr size_t kHeaderBytes = 9;  // The magic word and the version's digits.
constexpr int kFirstWithChecksum = 5;

std::string Shown(std::string_view text) {
  constexpr size_t kMost = 64;
  return text.size() <= kMost ? std::string(text) : fmt::format("{}…", text.substr(0, kMost));
}

}  // namespace

absl::StatusOr<size_t> RdbFileParser::Parse(std::string_view bytes, bool last) {
  bytes_ = bytes;
  RdbReader reader(bytes, offset_);
  size_t whole = 0;
  while (!done_) {
    if (!last && reader.left() == 0) break;
    const bool good = version_ == 0 ? Header(reader) : Record(reader);
    if (!good) break;
    whole = reader.position();
  }
  if (!refused_.ok()) return refused_;
  if (!reader.ok() && (last || !reader.truncated())) return reader.status();
  if (!done_) crc_ = options_.verify_checksum ? Crc64(crc_, bytes.substr(0, whole)) : 0;
  offset_ += whole;
  return whole;
}

bool RdbFileParser::Header(RdbReader& reader) {
  const std::string_view header = reader.Raw(kHeaderBytes);
  if (!reader.ok()) return false;
  const bool is_valkeys = header.starts_with(kValkeyMagic);
  const bool is_rdb = is_valkeys || header.starts_with(kMagic);
  int version = 0;
  for (const char c : header.substr((is_valkeys ? kValkeyMagic : kMagic).size())) {
    version = c >= '0' && c <= '9' && version >= 0 ? 10 * version + (c - '0') : -1;
  }
  if (!is_rdb || version < 0) {
    reader.Fail("not an RDB file: it does not begin with REDIS and a version");
  } else if (!IsKnownVersion(version)) {
    reader.FailAs(absl::StatusCode::kUnimplemented,
                  fmt::format("RDB version {} is not known here", version));
  }
  if (!reader.ok()) return false;
  version_ = version;
  visitor_.OnVersion(version);
  return true;
}

bool RdbFileParser::Record(RdbReader& reader) {
  RdbKey key;
  key.db = db_;
  while (true) {
    const uint8_t type = reader.Byte();
    if (!reader.ok()) return false;
    if (type <= kRdbLastType) {
      key.type = FormOf(type, version_);
      Key(reader, key);
      break;
    }
    // What precedes a key belongs to its record.
    if (!Opcode(reader, static_cast<RdbOpcode>(type), key)) break;
    if (!reader.ok()) return false;
  }
  return reader.ok() && refused_.ok();
}

// Whether it was a part of the key's record that follows.
bool RdbFileParser::Opcode(RdbReader& reader, RdbOpcode opcode, RdbKey& key) {
  switch (opcode) {
    case RdbOpcode::kExpiryMs:
      key.expiry = reader.Millis();
      return true;
    case RdbOpcode::kExpirySeconds:
      key.expiry = UnixMillis{static_cast<int32_t>(reader.Fixed32())} * 1000;
      return true;
    case RdbOpcode::kIdle:
      key.use.idle_seconds = reader.Length();
      return true;
    case RdbOpcode::kFrequency:
      key.use.frequency = reader.Byte();
      return true;
    case RdbOpcode::kEnd:
      End(reader);
      return false;
    case RdbOpcode::kSelect:
      Select(reader);
      return false;
    case RdbOpcode::kResize: {
      const uint64_t keys = reader.Length();
      const uint64_t with_expiry = reader.Length();
      if (reader.ok()) visitor_.OnSize(db_, keys, with_expiry);
      return false;
    }
    case RdbOpcode::kSlotImport:
      reader.FailAs(absl::StatusCode::kUnimplemented, "slots that Valkey was about to import");
      return false;
    case RdbOpcode::kSlotInfo: {
      const uint64_t slot = reader.Length();
      const uint64_t keys = reader.Length();
      const uint64_t with_expiry = reader.Length();
      if (reader.ok()) visitor_.OnSlotSize(slot, keys, with_expiry);
      return false;
    }
    case RdbOpcode::kAux:
      Aux(reader);
      return false;
    case RdbOpcode::kModuleAux:
      ModuleAux(reader);
      return false;
    case RdbOpcode::kFunction:
      Function(reader);
      return false;
    case RdbOpcode::kFunctionEarly:
      reader.FailAs(absl::StatusCode::kUnimplemented,
                    "a function in the form of Redis 7.0's release candidates");
      return false;
  }
  reader.Fail(fmt::format("unknown opcode {}", static_cast<int>(opcode)));
  return false;
}

void RdbFileParser::End(RdbReader& reader) {
  const size_t end = reader.position();
  if (version_ >= kFirstWithChecksum) {
    const uint64_t stated = reader.Fixed64();
    if (!reader.ok()) return;
    if (options_.verify_checksum && stated != 0) {
      const uint64_t crc = Crc64(crc_, bytes_.substr(0, end));
      if (stated != crc) {
        return reader.Fail(
            fmt::format("CRC error: checksum {:016x} expected, {:016x} found", crc, stated));
      }
    }
  }
  done_ = true;
}

void RdbFileParser::Select(RdbReader& reader) {
  const uint64_t db = reader.Length();
  if (!reader.ok()) return;
  if (db >= static_cast<uint64_t>(options_.databases)) {
    return reader.FailAs(
        absl::StatusCode::kOutOfRange,
        fmt::format("database {} is beyond the {} configured", db, options_.databases));
  }
  db_ = static_cast<DbIndex>(db);
}

void RdbFileParser::Aux(RdbReader& reader) {
  const std::string_view name = reader.String(key_scratch_);
  const std::string_view value = reader.String(scratch_);
  if (reader.ok()) visitor_.OnAux(name, value);
}

void RdbFileParser::ModuleAux(RdbReader& reader) {
  const uint64_t at = reader.offset();
  const std::string name = ModuleName(reader.Length());
  // When it is to be loaded: before the keys, or after.
  const uint64_t part = reader.Length();
  reader.Length();
  if (reader.ok() && part != static_cast<uint64_t>(ModulePart::kUnsigned)) {
    return reader.Fail("a module's auxiliary data that don't say when they are to be loaded");
  }
  SkipModuleParts(reader);
  if (!reader.ok()) return;
  visitor_.OnSkipped(fmt::format("offset {}: auxiliary data of module '{}'", at, name));
}

void RdbFileParser::Function(RdbReader& reader) {
  const std::string_view code = reader.String(scratch_);
  if (reader.ok()) refused_ = visitor_.OnFunction(code);
}

void RdbFileParser::Key(RdbReader& reader, RdbKey& key) {
  key.key = reader.String(key_scratch_);
  key.offset = reader.offset();
  const size_t begin = reader.position();
  SkipValue(reader, key.type);
  if (!reader.ok()) return;
  key.body = reader.Since(begin);
  if (key.type == static_cast<uint8_t>(RdbType::kModule2)) {
    RdbReader id(key.body);
    visitor_.OnSkipped(fmt::format("offset {}: value of module type '{}' at key '{}'", key.offset,
                                   ModuleName(id.Length()), Shown(key.key)));
    return;
  }
  refused_ = visitor_.OnKey(key);
}

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/payload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "persistence/rdb/crc64.h"
#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/rdb_reader.h"
#include "persistence/rdb/value_reader.h"
#include "persistence/rdb/value_writer.h"

namespace henge::persistence {
namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kSumBytes = 8;

}  // namespace

namespace {

void Seal(RdbWriter& writer, const std::string& payload, int version) {
  writer.Byte(static_cast<uint8_t>(version));
  writer.Byte(static_cast<uint8_t>(version >> 8));
  writer.Fixed64(Crc64(0, payload));
}

}  // namespace

std::string DumpPayload(const store::Entry& entry, const RdbOptions& options) {
  std::string payload;
  RdbWriter writer(payload, options);
  const RdbType type = RdbTypeOf(entry, options.version);
  writer.Type(type);
  WriteBody(entry, writer);
  const int version = std::max(options.version, VersionOfType(type));
  Seal(writer, payload, version);
  return payload;
}

std::string DumpFunctions(std::span<const std::string_view> codes, const RdbOptions& options) {
  std::string payload;
  RdbWriter writer(payload, options);
  for (const std::string_view code : codes) WriteFunction(writer, code);
  Seal(writer, payload, options.version);
  return payload;
}

absl::StatusOr<std::vector<std::string>> LoadFunctions(std::string_view unsealed) {
  std::vector<std::string> codes;
  std::string scratch;
  RdbReader reader(unsealed);
  while (reader.ok() && reader.left() > 0) {
    const uint8_t opcode = reader.Byte();
    if (opcode == static_cast<uint8_t>(RdbOpcode::kFunctionEarly)) {
      return absl::InvalidArgumentError("ERR Pre-GA function format not supported");
    }
    if (opcode != static_cast<uint8_t>(RdbOpcode::kFunction)) {
      return absl::InvalidArgumentError("ERR given type is not a function");
    }
    codes.emplace_back(reader.String(scratch));
  }
  if (reader.ok()) return codes;
  return absl::InvalidArgumentError("ERR failed loading the given functions payload");
}

std::optional<Unsealed> Unseal(std::string_view payload, bool check_sum) {
  if (payload.size() < kVersionBytes + kSumBytes) return std::nullopt;
  const std::string_view summed = payload.substr(0, payload.size() - kSumBytes);
  const std::string_view value = summed.substr(0, summed.size() - kVersionBytes);
  uint16_t version;
  std::memcpy(&version, summed.data() + value.size(), kVersionBytes);
  uint64_t crc;
  std::memcpy(&crc, payload.data() + summed.size(), kSumBytes);
  if (version != 0 && !IsKnownVersion(version)) return std::nullopt;
  if (check_sum && crc != Crc64(0, summed)) return std::nullopt;
  return Unsealed{value, version};
}

absl::StatusOr<store::OwnedEntry> LoadUnsealed(const Unsealed& unsealed, std::string_view key,
                                               UnixMillis expiry,
                                               const store::EncodingLimits& limits) {
  RdbReader reader(unsealed.value);
  const uint8_t type = reader.Byte();
  if (reader.ok() && type > kRdbLastType)
    reader.Fail(fmt::format("unknown type of value {}", type));
  if (!reader.ok()) return reader.status();
  auto entry = ReadValue(reader, FormOf(type, unsealed.version), key, expiry, limits);
  if (entry.ok() && reader.left() > 0) {
    reader.Fail("more bytes than the value has");
    return reader.status();
  }
  return entry;
}

}  // namespace henge::persistence

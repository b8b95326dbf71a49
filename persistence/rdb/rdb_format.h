// SPDX-License-Identifier: Apache-2.0
// The numbers of Redis's RDB format; the layouts are in docs/formats/rdb.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace henge::persistence {

inline constexpr int kRdbOldestVersion = 1;
inline constexpr int kRdbNewestVersion = 12;   // Redis 7.4: fields of hashes with deadlines.
inline constexpr int kRdbDefaultVersion = 11;  // Redis 7.2.
inline constexpr int kRdbOldestWritten = 9;    // Redis 5.0.
inline constexpr int kRdbValkeyVersion =
    80;  // Valkey 9.0, which counts apart from Redis. Only read.

// How a value is written; the byte before a key, and the first of a DUMP payload.
enum class RdbType : uint8_t {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSet = 3,
  kHash = 4,
  kSortedSet2 = 5,
  kModule = 6,
  kModule2 = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kSortedSetZiplist = 12,
  kHashZiplist = 13,
  kListQuicklist = 14,
  kStream = 15,
  kHashListpack = 16,
  kSortedSetListpack = 17,
  kListQuicklist2 = 18,
  kStream2 = 19,
  kSetListpack = 20,
  kStream3 = 21,
  kHashDeadlinesEarly = 22,  // Release candidates of Redis 7.4: deadlines are absolute.
  kHashListpackExEarly = 23,
  kHashDeadlines = 24,
  kHashListpackEx = 25,
  kHashDeadlinesValkey = 26,  // No byte of a file: of Valkey's version it is 22, see FormOf.
};
inline constexpr uint8_t kRdbLastType = 25;  // Of a file.
inline constexpr size_t kRdbForms = 27;

// What a type's byte, of kRdbLastType at most, says in a file or payload of the version.
inline uint8_t FormOf(uint8_t type, int version) {
  const bool valkeys =
      version == kRdbValkeyVersion && type == static_cast<uint8_t>(RdbType::kHashDeadlinesEarly);
  return valkeys ? static_cast<uint8_t>(RdbType::kHashDeadlinesValkey) : type;
}
inline bool IsKnownVersion(int version) {
  return (version >= kRdbOldestVersion && version <= kRdbNewestVersion) ||
         version == kRdbValkeyVersion;
}

// What stands between keys.
enum class RdbOpcode : uint8_t {
  kSlotImport = 243,  // Valkey's.
  kSlotInfo = 244,
  kFunction = 245,
  kFunctionEarly = 246,
  kModuleAux = 247,
  kIdle = 248,
  kFrequency = 249,
  kAux = 250,
  kResize = 251,
  kExpiryMs = 252,
  kExpirySeconds = 253,
  kSelect = 254,
  kEnd = 255,
};

// Lengths and strings.
enum : uint8_t {
  kRdbLength32 = 0x80,
  kRdbLength64 = 0x81,
  kRdbInt8 = 0xc0,
  kRdbInt16 = 0xc1,
  kRdbInt32 = 0xc2,
  kRdbCompressed = 0xc3,
};

// What a module's value consists of.
enum class ModulePart : uint8_t {
  kEnd = 0,
  kSigned = 1,
  kUnsigned = 2,
  kFloat = 3,
  kDouble = 4,
  kString = 5,
};

// A quicklist's nodes.
enum : uint8_t { kPlainNode = 1, kPackedNode = 2 };

// What a type is called in reports: "hash-listpack".
std::string_view RdbTypeName(uint8_t type);

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
// RdbFileParser: goes through a file and hands its parts to a visitor, values as they stand: who
// wants them reads them with ReadValue, on this thread or another.
//
// It is fed. Parse takes whole records off the front of what it is given and says how many bytes
// they were; the caller keeps the rest and comes again with more behind it. So a mapped file is one
// call, a socket many. Nothing is believed before it is checked; no recursion. Not thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/rdb_reader.h"

namespace henge::persistence {

// A key's record. Views are good until OnKey returns; `body` is a part of what Parse was given.
struct RdbKey {
  DbIndex db = 0;
  std::string_view key;
  UnixMillis expiry = kNoExpiry;
  KeyUse use;
  uint8_t type = 0;
  std::string_view body;
  uint64_t offset = 0;  // Of the body in the file: RdbReader reader(key.body, key.offset).
};

class RdbVisitor {
 public:
  virtual ~RdbVisitor() = default;
  virtual void OnVersion(int) {}
  virtual void OnAux(std::string_view /*name*/, std::string_view /*value*/) {}
  // So many keys are announced for the database, or for a slot.
  virtual void OnSize(DbIndex, uint64_t /*keys*/, uint64_t /*keys_with_expiry*/) {}
  virtual void OnSlotSize(uint64_t /*slot*/, uint64_t /*keys*/, uint64_t /*keys_with_expiry*/) {}
  // A library's code. What is not OK ends the parsing with that.
  virtual absl::Status OnFunction(std::string_view code) = 0;
  virtual absl::Status OnKey(const RdbKey& key) = 0;
  // Something was left out that can't be loaded: "offset 17: value of module type 'x' at key 'k'".
  virtual void OnSkipped(std::string_view what) = 0;
};

struct RdbParserOptions {
  bool verify_checksum = true;
  int databases = 65535;  // Keys of a database beyond are refused.
};

class RdbFileParser {
 public:
  explicit RdbFileParser(RdbVisitor& visitor, const RdbParserOptions& options = {})
      : visitor_(visitor), options_(options) {}

  // Returns how many of the bytes are done with. `last`: no more will come, so a record that isn't
  // whole is damage. REQUIRES: !done(), and the bytes begin where the parsing has stopped.
  absl::StatusOr<size_t> Parse(std::string_view bytes, bool last);

  // The end mark and checksum have been read; what follows is not the file's.
  bool done() const { return done_; }
  uint64_t offset() const { return offset_; }  // Bytes done with, in all.
  int version() const { return version_; }     // 0 until it is known.

 private:
  // One record; whether to go on (false: failed, or truncated).
  bool Header(RdbReader& reader);
  bool Record(RdbReader& reader);
  bool Opcode(RdbReader& reader, RdbOpcode opcode, RdbKey& key);
  void End(RdbReader& reader);
  void Aux(RdbReader& reader);
  void ModuleAux(RdbReader& reader);
  void Function(RdbReader& reader);
  void Select(RdbReader& reader);
  void Key(RdbReader& reader, RdbKey& key);

  RdbVisitor& visitor_;
  RdbParserOptions options_;
  std::string_view bytes_;  // Of this call.
  std::string key_scratch_;
  std::string scratch_;
  uint64_t offset_ = 0;
  uint64_t crc_ = 0;
  absl::Status refused_;
  int version_ = 0;
  DbIndex db_ = 0;
  bool done_ = false;
};

}  // namespace henge::persistence

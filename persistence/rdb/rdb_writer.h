// SPDX-License-Identifier: Apache-2.0
// RdbWriter: RDB's primitives, appended to a buffer of the caller's.
//
// Does no I/O: whoever owns the buffer hands it on when it is large enough. Not thread-safe.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/types.h"
#include "persistence/rdb/rdb_format.h"

namespace henge::persistence {

struct RdbOptions {
  int version = kRdbDefaultVersion;  // kRdbOldestWritten … kRdbNewestVersion.
  bool compress = true;              // Strings of more than 20 bytes, where it saves four.
};

class RdbWriter {
 public:
  explicit RdbWriter(std::string& out, const RdbOptions& options = {})
      : out_(out), options_(options) {}

  const RdbOptions& options() const { return options_; }
  int version() const { return options_.version; }
  std::string& out() { return out_; }

  void Byte(uint8_t byte) { out_.push_back(static_cast<char>(byte)); }
  void Type(RdbType type) { Byte(static_cast<uint8_t>(type)); }
  void Opcode(RdbOpcode opcode) { Byte(static_cast<uint8_t>(opcode)); }
  void Raw(std::string_view bytes) { out_.append(bytes); }
  void Length(uint64_t length);
  // As an integer, compressed, or as it is: whichever Redis would choose.
  void String(std::string_view text);
  void Integer(int64_t value);  // As the string of its digits would be.
  // Eight bytes, little-endian.
  void Fixed64(uint64_t value) { Raw({reinterpret_cast<const char*>(&value), 8}); }
  void Millis(UnixMillis at) { Fixed64(static_cast<uint64_t>(at)); }
  void Double(double value) { Raw({reinterpret_cast<const char*>(&value), 8}); }

 private:
  bool Compressed(std::string_view text);

  std::string& out_;
  RdbOptions options_;
};

}  // namespace henge::persistence

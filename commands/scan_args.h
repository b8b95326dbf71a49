// SPDX-License-Identifier: Apache-2.0
// What SCAN and its kin for collections (SSCAN, HSCAN, ZSCAN) share: cursors, options, the reply.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/glob.h"
#include "commands/arg_reader.h"
#include "proto/reply_buffer.h"
#include "proto/reply_writer.h"

namespace henge::commands {

inline constexpr std::string_view kInvalidCursor = "ERR invalid cursor";

// A cursor as clients give it: what strtoul takes, sign and leading zeros included, but nothing
// behind the digits.
std::optional<uint64_t> ParseScanCursor(std::string_view text);

struct ScanOptions {
  std::string_view pattern = {};
  bool match_all = true;
  uint64_t count = 10;

  bool Takes(std::string_view name) const { return match_all || GlobMatch(pattern, name); }
  // Takes COUNT or MATCH with its value, if that is what comes next.
  bool Accept(ArgReader& args);
};

// Options of a scan through one collection; anything else latches "syntax error".
ScanOptions ReadScanOptions(ArgReader& args);

// The next cursor and what was found, collected before either is known.
class ScanReply {
 public:
  explicit ScanReply(int protocol) : writer_(buffer_, protocol) {}
  void Add(std::string_view element) {
    writer_.Bulk(element);
    ++size_;
  }
  // How many elements were looked at, taken or not.
  void CountVisit() { ++visited_; }
  uint64_t visited() const { return visited_; }
  // The array of what was found, alone or behind the cursor.
  void WriteTo(proto::ReplyWriter& reply);
  void WriteTo(proto::ReplyWriter& reply, uint64_t cursor);

 private:
  proto::ReplyBuffer buffer_;
  proto::ReplyWriter writer_;
  size_t size_ = 0;
  uint64_t visited_ = 0;
};

}  // namespace henge::commands

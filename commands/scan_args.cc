// SPDX-License-Identifier: Apache-2.0
#include "commands/scan_args.h"

#include "base/numbers.h"

namespace henge::commands {

std::optional<uint64_t> ParseScanCursor(std::string_view text) {
  if (text.empty()) return 0;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  const auto value = ParseUint64(text);
  return value && negative ? uint64_t{0} - *value : value;
}

bool ScanOptions::Accept(ArgReader& args) {
  if (args.left() < 2) return false;
  if (args.Accept("COUNT")) {
    const int64_t wanted = args.Integer();
    if (args.ok() && wanted < 1) args.FailSyntax();
    count = static_cast<uint64_t>(wanted);
    return true;
  }
  if (args.Accept("MATCH")) {
    pattern = args.Next();
    match_all = pattern == "*";
    return true;
  }
  return false;
}

ScanOptions ReadScanOptions(ArgReader& args) {
  ScanOptions options;
  while (args.ok() && !args.empty()) {
    if (!options.Accept(args)) args.FailSyntax();
  }
  return options;
}

void ScanReply::WriteTo(proto::ReplyWriter& reply) {
  reply.Array(size_);
  reply.buffer().Append(buffer_.Since({.size = 0, .blobs = 0}));
}

void ScanReply::WriteTo(proto::ReplyWriter& reply, uint64_t cursor) {
  char digits[kInt64Chars];
  reply.Array(2);
  reply.Bulk({digits, FormatUint64(cursor, digits)});
  WriteTo(reply);
}

}  // namespace henge::commands

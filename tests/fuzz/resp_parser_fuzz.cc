// SPDX-License-Identifier: Apache-2.0
// Any bytes, in any pieces: the parser must neither read outside them, nor stall, nor depend on how
// they were cut. The first byte seeds the cutting.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "proto/resp_parser.h"

namespace {

using henge::proto::RespParser;

struct Outcome {
  std::vector<std::vector<std::string>> commands;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

// Feeds `stream` in pieces of at most `step` bytes, each in fresh memory.
Outcome Run(std::string_view stream, size_t step) {
  RespParser parser;
  Outcome outcome;
  std::string unread;
  while (!stream.empty()) {
    const size_t n = stream.size() < step ? stream.size() : step;
    const std::string moved = unread + std::string(stream.substr(0, n));
    stream.remove_prefix(n);
    size_t at = 0;
    while (true) {
      std::vector<std::string_view> args;
      const auto result = parser.Next(std::string_view(moved).substr(at), {}, args);
      if (result == RespParser::Result::kError) {
        outcome.error = parser.error();
        return outcome;
      }
      if (result == RespParser::Result::kNeedMore) break;
      if (parser.consumed() == 0) std::abort();
      at += parser.consumed();
      if (result == RespParser::Result::kCommand) {
        outcome.commands.emplace_back(args.begin(), args.end());
      }
    }
    unread = moved.substr(at);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = Run(stream, stream.size());
  const Outcome pieces = Run(stream, 1 + data[0] % 16);
  if (!(whole == pieces)) std::abort();
  return 0;
}

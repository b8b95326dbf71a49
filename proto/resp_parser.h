// SPDX-License-Identifier: Apache-2.0
// RespParser: requests out of a stream of bytes, multibulk ("*2\r\n$3\r\nGET\r\n…") or inline
// ("GET key\r\n"), as Redis reads them, with Redis's limits and error texts.
//
// Feed it the unread bytes; it answers with one command whose arguments are views into those bytes,
// asks for more, or refuses. Between two calls with more bytes it remembers how far it came, so a
// command that arrives in many pieces is not scanned again; the caller may move the bytes meanwhile
// but must pass the same unread ones first. No length from outside reserves memory here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace henge::proto {

struct ParserLimits {
  int64_t max_bulk = 512 * 1024 * 1024;  // proto-max-bulk-len
  int64_t max_multibulk = INT32_MAX;     // Arguments of one command;
  bool authenticated = true;  // before AUTH 10 arguments of 16 KB, so that strangers cost little.
};

class RespParser {
 public:
  enum class Result : uint8_t { kCommand, kNeedMore, kEmpty, kError };

  // Reads one command from the start of `bytes` and appends its arguments to `args`. On kCommand
  // and kEmpty (a blank inline line, an empty multibulk) consumed() bytes are done with. On kError
  // error() is the reply's text. The arguments of an inline command live until the next call or
  // ForgetInline; was_inline() tells.
  Result Next(std::string_view bytes, const ParserLimits& limits,
              std::vector<std::string_view>& args);

  bool was_inline() const { return was_inline_; }
  // Whether the consumed bytes are the command exactly as Henge would write it itself; it need not
  // say so of every one.
  bool was_canonical() const { return was_canonical_; }
  size_t consumed() const { return consumed_; }
  const std::string& error() const { return error_; }

  // While a bulk argument is incomplete: how many bytes in all, from the start of the unread ones,
  // are known to be needed; 0 when unknown. Lets the reader reserve once for a large value.
  size_t needed() const { return needed_; }
  void Reset();
  // Ends the life of an inline command's arguments.
  void ForgetInline() {
    if (!unquoted_.empty()) unquoted_ = std::vector<std::string>();
  }

 private:
  struct Span {
    size_t offset;
    size_t size;
  };
  Result ParseInline(std::string_view bytes, std::vector<std::string_view>& args);
  Result ParseMultibulk(std::string_view bytes, const ParserLimits& limits,
                        std::vector<std::string_view>& args);
  bool ParseWhole(std::string_view bytes, const ParserLimits& limits,
                  std::vector<std::string_view>& args);
  Result ParseMultibulkHeader(std::string_view bytes, const ParserLimits& limits);
  Result ParseBulkHeader(std::string_view bytes, const ParserLimits& limits);
  Result Fail(std::string text);

  std::vector<Span> spans_;            // Arguments complete so far, where the command isn't.
  std::vector<std::string> unquoted_;  // Inline arguments that had quotes or escapes.
  std::string error_;
  size_t consumed_ = 0;
  size_t position_ = 0;  // Parsed so far of the command under way.
  size_t needed_ = 0;
  int64_t remaining_ = -1;  // Arguments to come; -1 before the header.
  int64_t bulk_size_ = -1;  // Of the argument under way; -1 before its header.
  bool was_inline_ = false;
  bool was_canonical_ = false;
};

// The first argument of the multibulk command at the start of `bytes`; empty where that is not to
// be seen. For hints: nothing else is checked.
std::string_view PeekFirstArgument(std::string_view bytes);

// Splits a line as redis-cli and redis.conf quote: 'single', "double with \x00 \n escapes". Returns
// false on unbalanced quotes.
bool SplitQuoted(std::string_view line, std::vector<std::string>& out);

}  // namespace henge::proto

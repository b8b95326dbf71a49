// SPDX-License-Identifier: Apache-2.0
#include "proto/resp_parser.h"

#include <cstring>
#include <optional>
#include <span>

#include "base/numbers.h"

namespace henge::proto {
namespace {

constexpr size_t kMaxInline = 64 * 1024;
constexpr size_t kKeptSpans = 16;  // Room for more is given back: there is a parser per connection.
constexpr int64_t kMaxArgsBeforeAuth = 10;
constexpr int64_t kMaxBulkBeforeAuth = 16 * 1024;

// The integer between `from` and the next CR of a header line, strict as Redis's.
struct HeaderLine {
  bool complete = false;
  std::optional<int64_t> value;
  size_t next = 0;
};

HeaderLine ReadHeader(std::string_view bytes, size_t from) {
  // The common short case without memchr: up to four digits.
  int64_t value = 0;
  for (size_t i = from; i < bytes.size() && i < from + 5; ++i) {
    const char c = bytes[i];
    if (c == '\r') {
      if (i == from || i + 1 >= bytes.size()) break;
      if (bytes[from] == '0' && i > from + 1) break;
      return {true, value, i + 2};
    }
    if (c < '0' || c > '9') break;
    value = value * 10 + (c - '0');
  }
  const void* cr = std::memchr(bytes.data() + from, '\r', bytes.size() - from);
  if (cr == nullptr) return {};
  const size_t end = static_cast<size_t>(static_cast<const char*>(cr) - bytes.data());
  if (end + 1 >= bytes.size()) return {};
  return {true, ParseInt64(bytes.substr(from, end - from)), end + 2};
}

constexpr size_t kShortHeader = 6;  // Up to four digits, CR, LF.

// What is not a line's end there: zero if it is. Redis's parser passes over any two bytes.
unsigned NotEndOfLine(const char* p) {
  return static_cast<unsigned>(p[0] ^ '\r') | static_cast<unsigned>(p[1] ^ '\n');
}

// The number of a header line that has up to four digits; `p` moves behind the line. Negative, and
// `p` moves nowhere, if it is another line. REQUIRES: kShortHeader bytes at p.
int ReadShortHeader(const char*& p, unsigned& odd) {
  int value = *p - '0';
  if (value < 0 || value > 9) return -1;
  size_t digits = 1;
  for (; p[digits] != '\r'; ++digits) {
    const int digit = p[digits] - '0';
    if (digit < 0 || digit > 9 || value == 0 || digits == kShortHeader - 2) return -1;
    value = value * 10 + digit;
  }
  odd |= NotEndOfLine(p + digits);
  p += digits + 2;
  return value;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads a quoted piece that starts behind `quote` at `i`; leaves `i` behind the closing quote.
bool ReadQuoted(std::string_view line, size_t& i, char quote, std::string& out) {
  for (; i < line.size(); ++i) {
    const char c = line[i];
    if (c == quote) {
      ++i;
      return i == line.size() || IsSpace(line[i]);
    }
    if (c != '\\' || i + 1 >= line.size()) {
      out.push_back(c);
    } else if (quote == '\'') {
      if (line[i + 1] == '\'') ++i;
      out.push_back(line[i]);
    } else if (line[i + 1] == 'x' && i + 3 < line.size() && HexDigit(line[i + 2]) >= 0 &&
               HexDigit(line[i + 3]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3])));
      i += 3;
    } else {
      out.push_back(Unescape(line[++i]));
    }
  }
  return false;
}

}  // namespace

std::string_view PeekFirstArgument(std::string_view bytes) {
  if (bytes.size() < 4 || bytes[0] != '*') return {};
  size_t at = ReadHeader(bytes, 1).next;
  for (int word = 0; at > 0 && at + 1 < bytes.size() && bytes[at] == '$'; ++word) {
    const HeaderLine header = ReadHeader(bytes, at + 1);
    if (!header.value || *header.value < 0) return {};
    const auto size = static_cast<size_t>(*header.value);
    if (size + 2 > bytes.size() - header.next) return {};
    if (word == 1) return bytes.substr(header.next, size);
    at = header.next + size + 2;
  }
  return {};
}

bool SplitQuoted(std::string_view line, std::vector<std::string>& out) {
  size_t i = 0;
  while (true) {
    while (i < line.size() && (IsSpace(line[i]) || line[i] == '\0')) ++i;
    if (i == line.size()) return true;
    std::string word;
    while (i < line.size() && !IsSpace(line[i]) && line[i] != '\0') {
      const char c = line[i++];
      if (c == '"' || c == '\'') {
        if (!ReadQuoted(line, i, c, word)) return false;
        break;
      }
      word.push_back(c);
    }
    out.push_back(std::move(word));
  }
}

void RespParser::Reset() {
  if (spans_.capacity() > kKeptSpans) spans_ = std::vector<Span>();
  spans_.clear();
  consumed_ = 0;
  position_ = 0;
  needed_ = 0;
  remaining_ = -1;
  bulk_size_ = -1;
}

RespParser::Result RespParser::Fail(std::string text) {
  error_ = std::move(text);
  Reset();
  return Result::kError;
}

RespParser::Result RespParser::Next(std::string_view bytes, const ParserLimits& limits,
                                    std::vector<std::string_view>& args) {
  consumed_ = 0;
  was_canonical_ = false;
  if (bytes.empty()) return Result::kNeedMore;
  was_inline_ = bytes[0] != '*';
  return was_inline_ ? ParseInline(bytes, args) : ParseMultibulk(bytes, limits, args);
}

RespParser::Result RespParser::ParseInline(std::string_view bytes,
                                           std::vector<std::string_view>& args) {
  const size_t newline = bytes.find('\n', position_);
  if (newline == std::string_view::npos) {
    if (bytes.size() > kMaxInline) return Fail("ERR Protocol error: too big inline request");
    position_ = bytes.size();
    return Result::kNeedMore;
  }
  if (newline > kMaxInline) return Fail("ERR Protocol error: too big inline request");
  std::string_view line = bytes.substr(0, newline);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  unquoted_.clear();
  if (!SplitQuoted(line, unquoted_)) {
    return Fail("ERR Protocol error: unbalanced quotes in request");
  }
  Reset();
  consumed_ = newline + 1;
  args.insert(args.end(), unquoted_.begin(), unquoted_.end());
  return unquoted_.empty() ? Result::kEmpty : Result::kCommand;
}

RespParser::Result RespParser::ParseMultibulkHeader(std::string_view bytes,
                                                    const ParserLimits& limits) {
  const HeaderLine header = ReadHeader(bytes, 1);
  if (!header.complete) {
    if (bytes.size() > kMaxInline) return Fail("ERR Protocol error: too big mbulk count string");
    return Result::kNeedMore;
  }
  if (!header.value || *header.value > limits.max_multibulk) {
    return Fail("ERR Protocol error: invalid multibulk length");
  }
  if (!limits.authenticated && *header.value > kMaxArgsBeforeAuth) {
    return Fail("ERR Protocol error: unauthenticated multibulk length");
  }
  position_ = header.next;
  remaining_ = *header.value > 0 ? *header.value : 0;
  return Result::kCommand;
}

RespParser::Result RespParser::ParseBulkHeader(std::string_view bytes, const ParserLimits& limits) {
  if (position_ >= bytes.size()) return Result::kNeedMore;
  if (bytes[position_] != '$') {
    return Fail(std::string("ERR Protocol error: expected '$', got '") + bytes[position_] + "'");
  }
  const HeaderLine header = ReadHeader(bytes, position_ + 1);
  if (!header.complete) {
    if (bytes.size() - position_ > kMaxInline) {
      return Fail("ERR Protocol error: too big bulk count string");
    }
    return Result::kNeedMore;
  }
  if (!header.value || *header.value < 0 || *header.value > limits.max_bulk) {
    return Fail("ERR Protocol error: invalid bulk length");
  }
  if (!limits.authenticated && *header.value > kMaxBulkBeforeAuth) {
    return Fail("ERR Protocol error: unauthenticated bulk length");
  }
  position_ = header.next;
  bulk_size_ = *header.value;
  return Result::kCommand;
}

// Most commands: all there, with short headers. Where it is something else, or something is wrong
// with it, nothing has happened, and the general way tells. REQUIRES: none of it parsed so far.
bool RespParser::ParseWhole(std::string_view bytes, const ParserLimits& limits,
                            std::vector<std::string_view>& args) {
  const char* p = bytes.data() + 1;
  const char* const end = bytes.data() + bytes.size();
  if (end - p < static_cast<ptrdiff_t>(kShortHeader)) return false;
  unsigned odd = 0;
  const int count = ReadShortHeader(p, odd);
  if (count <= 0 || count > limits.max_multibulk) return false;
  const size_t args_before = args.size();
  for (int i = 0; i < count; ++i) {
    const char* header = p + 1;
    const bool fits = end - p > static_cast<ptrdiff_t>(kShortHeader) && *p == '$';
    const int size = fits ? ReadShortHeader(header, odd) : -1;
    if (size < 0 || size > limits.max_bulk || end - header < size + 2) {
      args.resize(args_before);
      return false;
    }
    args.emplace_back(header, static_cast<size_t>(size));
    odd |= NotEndOfLine(header + size);
    p = header + size + 2;
  }
  was_canonical_ = odd == 0;
  consumed_ = static_cast<size_t>(p - bytes.data());
  return true;
}

namespace {

// Whether `bytes` begin with the command as Henge would write it. Looks at what stands between the
// arguments only.
bool IsCanonical(std::string_view bytes, std::span<const std::string_view> args) {
  const auto take = [&bytes](std::string_view expected) {
    if (!bytes.starts_with(expected)) return false;
    bytes.remove_prefix(expected.size());
    return true;
  };
  const auto take_length = [&take](char type, size_t length) {
    char digits[20];  // Of the largest uint64_t.
    const std::string_view text(digits, FormatUint64(length, digits));
    return take({&type, 1}) && take(text) && take("\r\n");
  };
  if (!take_length('*', args.size())) return false;
  for (const std::string_view arg : args) {
    if (!take_length('$', arg.size())) return false;
    bytes.remove_prefix(arg.size());
    if (!take("\r\n")) return false;
  }
  return true;
}

}  // namespace

RespParser::Result RespParser::ParseMultibulk(std::string_view bytes, const ParserLimits& limits,
                                              std::vector<std::string_view>& args) {
  if (position_ == 0 && limits.authenticated && ParseWhole(bytes, limits, args)) {
    return Result::kCommand;
  }
  const size_t args_before = args.size();
  for (const Span& span : spans_) args.push_back(bytes.substr(span.offset, span.size));
  Result result = Result::kCommand;
  if (remaining_ < 0) result = ParseMultibulkHeader(bytes, limits);
  while (result == Result::kCommand && remaining_ > 0) {
    if (bulk_size_ < 0) {
      result = ParseBulkHeader(bytes, limits);
      if (result != Result::kCommand) break;
    }
    const auto size = static_cast<size_t>(bulk_size_);
    if (bytes.size() - position_ < size + 2) {
      needed_ = position_ + size + 2;
      result = Result::kNeedMore;
      break;
    }
    args.push_back(bytes.substr(position_, size));
    position_ += size + 2;
    bulk_size_ = -1;
    --remaining_;
  }
  if (result == Result::kNeedMore) {
    for (size_t i = args_before + spans_.size(); i < args.size(); ++i) {
      spans_.push_back({static_cast<size_t>(args[i].data() - bytes.data()), args[i].size()});
    }
  }
  if (result != Result::kCommand) {
    args.resize(args_before);
    return result;
  }
  const size_t consumed = position_;
  Reset();
  consumed_ = consumed;
  was_canonical_ = IsCanonical(bytes, std::span(args).subspan(args_before));
  return args.size() == args_before ? Result::kEmpty : Result::kCommand;
}

}  // namespace henge::proto

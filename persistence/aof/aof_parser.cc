// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::persistence {
namespace {

constexpr uint64_t kMostWords = uint64_t{1} << 31;
constexpr uint64_t kLongestWord = uint64_t{1} << 62;
// How many places CommandsFollow tries before it takes the rest for commands.
constexpr int kMostProbes = 100'000;

// The offset behind "<prefix><number>\r\n" at `at`, or 0.
size_t SkipHeader(std::string_view text, size_t at, char prefix, uint64_t& number) {
  if (at >= text.size() || text[at] != prefix) return 0;
  const size_t end = text.substr(0, at + 24).find('\r', at);
  if (end == std::string_view::npos || text.substr(end, 2) != "\r\n") return 0;
  const auto value = ParseUint64(text.substr(at + 1, end - at - 1));
  if (!value) return 0;
  number = *value;
  return end + 2;
}

// The offset behind a whole command of few words at `at`, or 0.
size_t SkipCommand(std::string_view text, size_t at) {
  constexpr uint64_t kFew = 64;
  uint64_t words = 0;
  at = SkipHeader(text, at, '*', words);
  if (at == 0 || words == 0 || words > kFew) return 0;
  for (uint64_t i = 0; i < words; ++i) {
    uint64_t length = 0;
    at = SkipHeader(text, at, '$', length);
    if (at == 0 || length > text.size() - at || text.substr(at + length, 2) != "\r\n") return 0;
    at += length + 2;
  }
  return at;
}

}  // namespace

AofParser::AofParser(std::string_view content, uint64_t offset)
    : content_(content),
      at_(std::min<uint64_t>(offset, content.size())),
      begin_(at_),
      good_until_(at_) {}

std::span<const std::string_view> AofParser::command(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::span(words_).subspan(begin, ends_[i] - begin);
}

std::optional<int64_t> AofParser::timestamp() const {
  if (!annotation_.starts_with("#TS:")) return std::nullopt;
  return ParseInt64(annotation_.substr(4));
}

AofParser::Result AofParser::Next() {
  if (failed_) return torn_ ? Result::kTorn : Result::kDamaged;
  words_.clear();
  ends_.clear();
  in_multi_ = transaction_ = false;
  begin_ = at_;
  while (at_ < content_.size()) {
    if (content_[at_] == '#') {
      if (!SkipAnnotation()) return Finish();
      if (in_multi_) continue;
      good_until_ = at_;
      return Result::kAnnotation;
    }
    if (!ReadCommand() || !NoteTransaction()) return Finish();
    if (in_multi_) continue;
    good_until_ = at_;
    // Nothing within MULTI and EXEC is nothing at all.
    if (!ends_.empty()) return Result::kUnit;
    begin_ = at_;
    transaction_ = false;
  }
  if (!in_multi_) return Result::kEnd;
  Short(at_, "Reached EOF before reading EXEC for MULTI");
  return Finish();
}

AofParser::Result AofParser::Finish() {
  failed_ = true;
  words_.clear();
  ends_.clear();
  return torn_ ? Result::kTorn : Result::kDamaged;
}

// Takes the command that was read out again if it is MULTI or EXEC.
bool AofParser::NoteTransaction() {
  const size_t begin = ends_.size() < 2 ? 0 : ends_[ends_.size() - 2];
  const std::string_view name = words_[begin];
  const bool multi = EqualsIgnoreCase(name, "multi");
  if (!multi && !EqualsIgnoreCase(name, "exec")) return true;
  if (multi == in_multi_) {
    return Refuse(at_, multi ? "Unexpected MULTI" : "Unexpected EXEC");
  }
  words_.resize(begin);
  ends_.pop_back();
  in_multi_ = multi;
  transaction_ = true;
  return true;
}

bool AofParser::ReadCommand() {
  uint64_t count = 0;
  const uint64_t begin = at_;
  if (!ReadNumber('*', kMostWords, count)) return false;
  if (count == 0) return Refuse(begin, "Expected at least one word");
  for (uint64_t i = 0; i < count; ++i) {
    if (!ReadString()) return false;
  }
  ends_.push_back(words_.size());
  return true;
}

bool AofParser::ReadNumber(char prefix, uint64_t most, uint64_t& number) {
  const uint64_t begin = at_;
  if (at_ >= content_.size()) return Short(at_, fmt::format("Expected prefix '{}'", prefix));
  if (content_[at_] != prefix) {
    return Fail(at_, fmt::format("Expected prefix '{}', got: '{}'", prefix, content_[at_]));
  }
  for (++at_, number = 0; at_ < content_.size(); ++at_) {
    const char c = content_[at_];
    if (c == '\r' && at_ > begin + 1) return ReadLineEnd();
    if (c < '0' || c > '9') return Fail(at_, "Expected a number");
    number = number * 10 + static_cast<uint64_t>(c - '0');
    if (number > most) return Refuse(begin, "The number is not in the suitable range");
  }
  return Short(at_, "Expected a number");
}

bool AofParser::ReadString() {
  uint64_t length = 0;
  const uint64_t header = at_;
  if (!ReadNumber('$', kLongestWord, length)) return false;
  const uint64_t left = content_.size() - at_;
  if (length + 2 > left) {
    std::string reason = fmt::format("Expected to read {} bytes, got {} bytes", length + 2, left);
    // Were only the line end missing, or zeros in its stead, that would be a tear.
    if (!CommandsFollow(at_)) return Short(at_, std::move(reason));
    return Refuse(header, reason + ", among them whole commands");
  }
  const std::string_view word = content_.substr(at_, length);
  at_ += length;
  if (!ReadLineEnd()) return false;
  words_.push_back(word);
  return true;
}

bool AofParser::ReadLineEnd() {
  for (const char expected : {'\r', '\n'}) {
    if (at_ >= content_.size()) return Short(at_, "Expected \\r\\n, got the end");
    if (content_[at_] != expected) {
      return Fail(at_, fmt::format("Expected \\r\\n, got: {:02x}",
                                   static_cast<unsigned char>(content_[at_])));
    }
    ++at_;
  }
  ++line_;
  return true;
}

bool AofParser::SkipAnnotation() {
  const uint64_t begin = at_;
  const std::string_view head = content_.substr(0, begin + kLongestAnnotation);
  const size_t end = head.find('\n', begin);
  const size_t zero = head.substr(0, end).find('\0', begin);
  if (zero != std::string_view::npos) {  // A part of it did not arrive.
    at_ = zero;
    return Fail(begin, "Zeros within an annotation");
  }
  if (end == std::string_view::npos) {
    const uint64_t left = content_.size() - begin;
    if (left < kLongestAnnotation) return Short(begin, "An annotation without an end");
    return Refuse(begin, "The annotation is too long");
  }
  annotation_ = content_.substr(begin, end - begin);
  if (annotation_.ends_with('\r')) annotation_.remove_suffix(1);
  at_ = end + 1;
  return true;
}

// Zeros from here up to the end are a tear, too: the file had grown, and its data had not arrived.
// So are zeros here, shortly before those at the end.
bool AofParser::Fail(uint64_t offset, std::string reason) {
  if (at_ >= content_.size() || content_[at_] != '\0') return Refuse(offset, std::move(reason));
  const uint64_t data_end = content_.find_last_not_of('\0') + 1;
  const bool has_room = data_end < content_.size();
  if (data_end <= at_ || (has_room && data_end - begin_ <= kMostInRoom)) {
    only_room_ = data_end <= begin_;
    return Short(offset, std::move(reason));
  }
  return Refuse(offset, std::move(reason));
}

bool AofParser::Refuse(uint64_t offset, std::string reason) {
  error_offset_ = offset;
  reason_ = std::move(reason);
  return false;
}

bool AofParser::Short(uint64_t offset, std::string reason) {
  error_offset_ = offset;
  reason_ = std::move(reason);
  torn_ = true;
  return false;
}

// Whether a whole command stands somewhere behind `offset`, at the beginning of a line, and behind
// it the end or what may begin the next.
bool AofParser::CommandsFollow(uint64_t offset) const {
  int probes = 0;
  for (size_t at = content_.find("\r\n*", offset); at != std::string_view::npos;
       at = content_.find("\r\n*", at + 1)) {
    if (++probes > kMostProbes) return true;
    const size_t end = SkipCommand(content_, at + 2);
    if (end == 0) continue;
    if (end == content_.size() || content_[end] == '*' || content_[end] == '#') return true;
  }
  return false;
}

}  // namespace henge::persistence

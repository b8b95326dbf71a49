// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/quoting.h"

#include <cstddef>

namespace henge::persistence {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kEscapes = "nrtba";
constexpr std::string_view kMeanings = "\n\r\t\b\a";

// One word at a time, from the front of a line.
class WordReader {
 public:
  explicit WordReader(std::string_view line) : rest_(line) {}

  bool AtEnd() {
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
    return rest_.empty();
  }

  std::optional<std::string> Next() {
    std::string word;
    while (!rest_.empty() && !IsSpace(rest_.front())) {
      const char c = Take();
      if (c == '"' || c == '\'') {
        if (!(c == '"' ? ReadDouble(word) : ReadSingle(word))) return std::nullopt;
        if (!rest_.empty() && !IsSpace(rest_.front())) return std::nullopt;
      } else if (c == '\0') {
        rest_ = {};
      } else {
        word += c;
      }
    }
    return word;
  }

 private:
  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool ReadDouble(std::string& word) {
    while (!rest_.empty()) {
      const char c = Take();
      if (c == '"') return true;
      if (c != '\\' || rest_.empty()) {
        word += c;
        continue;
      }
      const char escaped = Take();
      if (escaped == 'x' && rest_.size() >= 2 && HexDigit(rest_[0]) >= 0 &&
          HexDigit(rest_[1]) >= 0) {
        word += static_cast<char>(HexDigit(rest_[0]) * 16 + HexDigit(rest_[1]));
        rest_.remove_prefix(2);
      } else if (const size_t at = kEscapes.find(escaped); at != std::string_view::npos) {
        word += kMeanings[at];
      } else {
        word += escaped;
      }
    }
    return false;
  }

  bool ReadSingle(std::string& word) {
    while (!rest_.empty()) {
      char c = Take();
      if (c == '\'') return true;
      if (c == '\\' && !rest_.empty() && rest_.front() == '\'') c = Take();
      word += c;
    }
    return false;
  }

  std::string_view rest_;
};

bool Printable(char c) { return c >= 0x20 && c <= 0x7e; }

}  // namespace

std::optional<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  for (WordReader reader(line); !reader.AtEnd();) {
    std::optional<std::string> word = reader.Next();
    if (!word) return std::nullopt;
    words.push_back(*std::move(word));
  }
  return words;
}

std::string QuoteWord(std::string_view word) {
  bool plain = !word.empty();
  for (const char c : word) {
    if (!Printable(c) || c == ' ' || c == '"' || c == '\'' || c == '\\') plain = false;
  }
  if (plain) return std::string(word);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : word) {
    if (const size_t at = kMeanings.find(c); at != std::string_view::npos) {
      quoted += {'\\', kEscapes[at]};
    } else if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (Printable(c)) {
      quoted += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      quoted += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return quoted + '"';
}

}  // namespace henge::persistence

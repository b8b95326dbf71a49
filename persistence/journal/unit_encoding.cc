// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/unit_encoding.h"

#include <array>
#include <cstring>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::persistence {
namespace {

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

char* Put(std::string_view text, char* out) {
  CopyBytes(out, text);
  return out + text.size();
}

// "$5\r\n", "*3\r\n".
char* PutHeader(char type, size_t n, char* out) {
  *out++ = type;
  if (n < 10) {
    *out++ = static_cast<char>('0' + n);
  } else if (n < 100) {
    *out++ = static_cast<char>('0' + n / 10);
    *out++ = static_cast<char>('0' + n % 10);
  } else {
    out += FormatUint64(n, out);
  }
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

struct SelectWords {
  explicit SelectWords(DbIndex db) : words{"SELECT", {text, FormatUint64(db, text)}} {}
  char text[kInt64Chars];
  std::array<std::string_view, 2> words;
};

}  // namespace

char* EncodeSelect(DbIndex db, char* out) { return EncodeCommand(SelectWords(db).words, out); }

size_t MeasureCommand(std::span<const std::string_view> words) {
  size_t size = 3 + CountDigits(words.size());
  for (const std::string_view word : words) size += 5 + CountDigits(word.size()) + word.size();
  return size;
}

char* EncodeCommand(std::span<const std::string_view> words, char* out) {
  out = PutHeader('*', words.size(), out);
  for (const std::string_view word : words) {
    out = PutHeader('$', word.size(), out);
    out = Put(word, out);
    *out++ = '\r';
    *out++ = '\n';
  }
  return out;
}

UnitLayout MeasureUnit(std::span<const Effect> unit) {
  UnitLayout layout;
  if (unit.size() > 1) {
    layout.opening = kMulti.size();
    layout.rest = kExec.size();
  }
  layout.select = 22 + CountDigits(unit.front().db);
  DbIndex db = unit.front().db;
  for (const Effect& effect : unit) {
    if (effect.db != db) layout.rest += MeasureCommand(SelectWords(effect.db).words);
    db = effect.db;
    layout.rest += effect.wire.empty() ? MeasureCommand(effect.words) : effect.wire.size();
  }
  return layout;
}

void EncodeUnit(std::span<const Effect> unit, const UnitLayout& layout, char* out) {
  if (layout.opening > 0) out = Put(kMulti, out);
  DbIndex db = unit.front().db;
  out = EncodeSelect(db, out);
  for (const Effect& effect : unit) {
    if (effect.db != db) out = EncodeSelect(effect.db, out);
    db = effect.db;
    out = effect.wire.empty() ? EncodeCommand(effect.words, out) : Put(effect.wire, out);
  }
  if (layout.opening > 0) Put(kExec, out);
}

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/libraries/json_reader.h"

#include <charconv>
#include <limits>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::commands::scripting {
namespace {

constexpr const char* kKindNames[] = {
    "T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
    "T_BOOLEAN",   "T_NULL",    "T_COLON",     "T_COMMA",   "T_END",    "T_ERROR",
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = AsciiLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto byte = [&](uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

struct Prefix {
  double number = 0;
  size_t size = 0;  // 0: there is no number.
};

// The longest number that a text begins with, as C's strtod reads it.
Prefix ReadNumber(std::string_view text) {
  const size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  std::string_view digits = text.substr(sign);
  auto format = std::chars_format::general;
  size_t skipped = sign;
  const bool hex = digits.size() > 2 && digits[0] == '0' && AsciiLower(digits[1]) == 'x' &&
                   (HexDigit(digits[2]) >= 0 ||
                    (digits[2] == '.' && digits.size() > 3 && HexDigit(digits[3]) >= 0));
  if (hex) {
    format = std::chars_format::hex;
    digits.remove_prefix(2);
    skipped += 2;
  }
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) return {};
  double number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number, format);
  if (end.ec == std::errc::invalid_argument) return {};
  const auto size = static_cast<size_t>(end.ptr - digits.data());
  if (end.ec == std::errc::result_out_of_range) {
    number = ParseLooseDouble(text.substr(sign, size + skipped - sign)).value_or(0);
  }
  return {sign == 1 && text[0] == '-' ? -number : number, size + skipped};
}

}  // namespace

void JsonReader::Read() {
  if (text_.size() >= 2 && (text_[0] == '\0' || text_[1] == '\0')) {
    luaL_error(lua_, "JSON parser does not support UTF-16 or UTF-32");
  }
  Value(Next());
  const Token end = Next();
  if (end.kind != Kind::kEnd) Unexpected("the end", end);
}

// --- Tokens ---

JsonReader::Token JsonReader::Error(const char* what) const {
  return {.kind = Kind::kError, .at = at_, .error = what};
}

JsonReader::Token JsonReader::Next() {
  while (std::string_view(" \t\n\r").find(At(at_)) != std::string_view::npos) ++at_;
  const size_t begin = at_;
  const auto single = [&](Kind kind) {
    ++at_;
    return Token{.kind = kind, .at = begin};
  };
  const auto word = [&](Kind kind, size_t size, bool truth = false) {
    at_ += size;
    return Token{.kind = kind, .at = begin, .truth = truth};
  };
  switch (At(at_)) {
    case '{':
      return single(Kind::kObjectBegin);
    case '}':
      return single(Kind::kObjectEnd);
    case '[':
      return single(Kind::kArrayBegin);
    case ']':
      return single(Kind::kArrayEnd);
    case ',':
      return single(Kind::kComma);
    case ':':
      return single(Kind::kColon);
    case '\0':
      return {.kind = Kind::kEnd, .at = begin};
    case '"':
      return String();
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      if (!lenient_ && StrictlyInvalid()) return Error("invalid number");
      return Number(begin);
    case 't':
    case 'f':
    case 'n':
    case 'i':
    case 'I':
    case 'N':
    case '+':
      if (Follows("true")) return word(Kind::kBoolean, 4, true);
      if (Follows("false")) return word(Kind::kBoolean, 5);
      if (Follows("null")) return word(Kind::kNull, 4);
      if (lenient_ && StrictlyInvalid()) return Number(begin);
      return Error("invalid token");
    default:
      return Error("invalid token");
  }
}

JsonReader::Token JsonReader::String() {
  constexpr std::string_view kLetters = "\"\\/btnfr";
  constexpr std::string_view kMeanings = "\"\\/\b\t\n\f\r";
  const size_t begin = at_++;
  string_.clear();
  for (char c = At(at_); c != '"'; c = At(at_)) {
    if (c == '\0') return Error("unexpected end of string");
    if (c != '\\') {
      string_.push_back(c);
      ++at_;
      continue;
    }
    const char letter = At(at_ + 1);
    if (letter == 'u') {
      if (!UnicodeEscape()) return Error("invalid unicode escape code");
      continue;
    }
    const size_t known = letter == '\0' ? std::string_view::npos : kLetters.find(letter);
    if (known == std::string_view::npos) return Error("invalid escape code");
    string_.push_back(kMeanings[known]);
    at_ += 2;
  }
  ++at_;
  return {.kind = Kind::kString, .at = begin};
}

int JsonReader::Hex4(size_t position) const {
  int code = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int digit = HexDigit(At(position + i));
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

// At "\uXXXX", maybe followed by the second half of a surrogate pair.
bool JsonReader::UnicodeEscape() {
  constexpr size_t kSize = 6;
  const int code = Hex4(at_ + 2);
  if (code < 0) return false;
  if ((code & 0xF800) != 0xD800) {
    AppendUtf8(static_cast<uint32_t>(code), string_);
    at_ += kSize;
    return true;
  }
  if ((code & 0x400) != 0 || At(at_ + kSize) != '\\' || At(at_ + kSize + 1) != 'u') return false;
  const int low = Hex4(at_ + kSize + 2);
  if (low < 0 || (low & 0xFC00) != 0xDC00) return false;
  AppendUtf8(static_cast<uint32_t>(((code & 0x3FF) << 10 | (low & 0x3FF)) + 0x10000), string_);
  at_ += 2 * kSize;
  return true;
}

// What strtod would read although JSON has no such number.
bool JsonReader::StrictlyInvalid() const {
  if (At(at_) == '+') return true;
  const size_t begin = at_ + (At(at_) == '-' ? 1 : 0);
  if (At(begin) == '0') {
    const char second = At(begin + 1);
    return AsciiLower(second) == 'x' || (second >= '0' && second <= '9');
  }
  if (At(begin) <= '9') return false;
  const std::string_view word = text_.substr(begin, 3);
  return EqualsIgnoreCase(word, "inf") || EqualsIgnoreCase(word, "nan");
}

JsonReader::Token JsonReader::Number(size_t begin) {
  const Prefix prefix = ReadNumber(text_.substr(at_));
  if (prefix.size == 0) return Error("invalid number");
  at_ += prefix.size;
  return {.kind = Kind::kNumber, .at = begin, .number = prefix.number};
}

// --- Values ---

void JsonReader::Unexpected(const char* expected, const Token& found) {
  const char* what =
      found.kind == Kind::kError ? found.error : kKindNames[static_cast<size_t>(found.kind)];
  luaL_error(lua_, "Expected %s but found %s at character %d", expected, what,
             static_cast<int>(found.at + 1));
}

void JsonReader::Descend() {
  if (++depth_ > max_depth_ || lua_checkstack(lua_, 4) == 0) {
    luaL_error(lua_, "Found too many nested data structures (%d) at character %d", depth_,
               static_cast<int>(at_));
  }
}

void JsonReader::Value(const Token& token) {
  switch (token.kind) {
    case Kind::kString:
      return lua_pushlstring(lua_, string_.data(), string_.size());
    case Kind::kNumber:
      return lua_pushnumber(lua_, token.number);
    case Kind::kBoolean:
      return lua_pushboolean(lua_, token.truth ? 1 : 0);
    case Kind::kNull:
      return lua_pushlightuserdata(lua_, nullptr);
    case Kind::kObjectBegin:
      return Object();
    case Kind::kArrayBegin:
      return Array();
    default:
      Unexpected("value", token);
  }
}

void JsonReader::Object() {
  Descend();
  lua_newtable(lua_);
  Token token = Next();
  while (token.kind != Kind::kObjectEnd) {
    if (token.kind != Kind::kString) Unexpected("object key string", token);
    lua_pushlstring(lua_, string_.data(), string_.size());
    if (const Token colon = Next(); colon.kind != Kind::kColon) Unexpected("colon", colon);
    Value(Next());
    lua_rawset(lua_, -3);
    token = Next();
    if (token.kind == Kind::kObjectEnd) break;
    if (token.kind != Kind::kComma) Unexpected("comma or object end", token);
    token = Next();
    if (token.kind == Kind::kObjectEnd) Unexpected("object key string", token);
  }
  --depth_;
}

void JsonReader::Array() {
  Descend();
  lua_newtable(lua_);
  Token token = Next();
  for (int i = 1; i > 1 || token.kind != Kind::kArrayEnd; ++i) {
    Value(token);
    lua_rawseti(lua_, -2, i);
    token = Next();
    if (token.kind == Kind::kArrayEnd) break;
    if (token.kind != Kind::kComma) Unexpected("comma or array end", token);
    token = Next();
  }
  --depth_;
}

}  // namespace henge::commands::scripting

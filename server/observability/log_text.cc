// SPDX-License-Identifier: Apache-2.0
#include "server/observability/log_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/numbers.h"

namespace henge::server {
namespace {

constexpr bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
constexpr bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// The length of the UTF-8 character that `s` begins with; 0 if it is not one. Overlong forms and
// surrogates are refused by the bounds of the second byte.
size_t Utf8Length(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length < 2) return length;
  if (s.size() < length) return 0;
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void AppendEscaped(std::string& out, char c, bool quoted) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (IsControl(c)) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  } else {
    if (quoted && (c == '"' || c == '\\')) out += '\\';
    out += c;
  }
}

void AppendWord(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return IsControl(c) || c == ' ' || c == '"' || c == '=' || c == '\\';
  });
  if (plain) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) AppendEscaped(out, c, true);
  out += '"';
}

void AppendJsonAscii(std::string& out, char c) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (IsControl(c)) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  } else {
    out += c;
  }
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[0]));
    } else if (IsAscii(text[0])) {
      AppendJsonAscii(out, text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
}

// Numbers and truth values are written alike in both formats, but JSON knows no infinity.
struct AppendValue {
  std::string& out;
  bool json;

  void operator()(std::string_view text) const {
    json ? AppendJsonString(out, text) : AppendWord(out, text);
  }
  void operator()(double number) const {
    out += json && !std::isfinite(number) ? "null" : FormatDouble(number);
  }
  void operator()(bool truth) const { out += truth ? "true" : "false"; }
  void operator()(int64_t number) const { out += std::to_string(number); }
  void operator()(uint64_t number) const { out += std::to_string(number); }
};

}  // namespace

std::string LogText(std::string_view message, std::span<const LogField> fields) {
  std::string out;
  for (const char c : message) AppendEscaped(out, c, false);
  for (const LogField& field : fields) {
    out += ' ';
    out += field.name;
    out += '=';
    std::visit(AppendValue{out, false}, field.value);
  }
  return out;
}

std::string LogJson(std::string_view message, std::span<const LogField> fields) {
  std::string out = "\"message\":";
  AppendJsonString(out, message);
  for (const LogField& field : fields) {
    out += ',';
    AppendJsonString(out, field.name);
    out += ':';
    std::visit(AppendValue{out, true}, field.value);
  }
  return out;
}

}  // namespace henge::server

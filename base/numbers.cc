// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/strings.h"

namespace henge {
namespace {

constexpr size_t kLongDoubleChars = 5 * 1024;  // Redis's limit, kept so that refusals agree.

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Digits only, the first not a zero. Overflow needs a check at the twentieth digit alone.
std::optional<uint64_t> ParsePositive(std::string_view digits) {
  if (digits.empty() || digits.size() > kInt64Chars || digits[0] == '0') return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (!IsDigit(digits[i])) return std::nullopt;
    const auto digit = static_cast<uint64_t>(digits[i] - '0');
    if (i == kInt64Chars - 1) {
      constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
      if (value > kMax / 10 || (value == kMax / 10 && digit > kMax % 10)) return std::nullopt;
    }
    value = value * 10 + digit;
  }
  return value;
}

// "00", "01" … "99".
constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// kPowersOfTen[i] is 10^i.
constexpr std::array<uint64_t, 20> kPowersOfTen = [] {
  std::array<uint64_t, 20> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = 10 * powers[i - 1];
  return powers;
}();

double ReadFloat(const char* s, char** end, double /*type*/) { return std::strtod(s, end); }
long double ReadFloat(const char* s, char** end, long double /*type*/) {
  return std::strtold(s, end);
}

// The C library's reader over a terminated copy, with its leniences taken back.
template <class Float>
std::optional<Float> ParseTerminated(const char* s, size_t size) {
  if (size == 0 || IsSpace(s[0])) return std::nullopt;
  errno = 0;
  char* end = nullptr;
  const Float value = ReadFloat(s, &end, Float{});
  if (end != s + size || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

template <class Float>
std::optional<Float> ParseFloatSlowly(std::string_view s) {
  char small[128];
  if (s.size() < sizeof(small)) {
    std::copy(s.begin(), s.end(), small);
    small[s.size()] = '\0';
    return ParseTerminated<Float>(small, s.size());
  }
  return ParseTerminated<Float>(std::string(s).c_str(), s.size());
}

std::optional<int64_t> MemoryUnit(std::string_view unit) {
  struct Row {
    std::string_view name;
    int64_t bytes;
  };
  constexpr Row kRows[] = {{"", 1},          {"b", 1},        {"k", 1000},         {"kb", 1024},
                           {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1000'000'000}, {"gb", 1 << 30}};
  for (const Row& row : kRows) {
    if (EqualsIgnoreCase(unit, row.name)) return row.bytes;
  }
  return std::nullopt;
}

// Whether the double is an integer that Redis prints digit by digit: below 2^62 in magnitude.
bool IsPlainInteger(double value) {
  constexpr double kLimit = 0x1p62;
  return value >= -kLimit && value <= kLimit &&
         static_cast<double>(static_cast<int64_t>(value)) == value;
}

// A positive number as digits * 10^exponent, its digits the fewest that read back the same.
struct Decimal {
  char digits[20];
  int count = 0;
  int exponent = 0;
};

Decimal ShortestDecimal(double magnitude) {
  char text[32];  // d.ddde±dd
  const auto written =
      std::to_chars(text, text + sizeof(text), magnitude, std::chars_format::scientific);
  const char* const e = std::find(text, written.ptr, 'e');
  Decimal decimal;
  for (const char* p = text; p != e; ++p) {
    if (*p != '.') decimal.digits[decimal.count++] = *p;
  }
  int scientific = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), written.ptr, scientific);
  decimal.exponent = scientific - (decimal.count - 1);
  return decimal;
}

char* Append(char* out, const char* s, int count) { return std::copy_n(s, count, out); }

char* WriteScientific(const Decimal& d, char* out) {
  *out++ = d.digits[0];
  if (d.count > 1) {
    *out++ = '.';
    out = Append(out, d.digits + 1, d.count - 1);
  }
  const int exponent = d.exponent + d.count - 1;
  *out++ = 'e';
  *out++ = exponent < 0 ? '-' : '+';
  return std::to_chars(out, out + 4, std::abs(exponent)).ptr;
}

// Redis 7.2's choice between 123000, 0.00123, 1.23 and 1.23e+45.
char* WriteDecimal(const Decimal& d, char* out) {
  const int magnitude = std::abs(d.exponent + d.count - 1);
  if (d.exponent >= 0 && magnitude < d.count + 7) {
    return std::fill_n(Append(out, d.digits, d.count), d.exponent, '0');
  }
  if (d.exponent >= 0 || (d.exponent <= -7 && magnitude >= 4)) return WriteScientific(d, out);
  const int whole = d.count + d.exponent;
  if (whole <= 0) {
    out = Append(out, "0.", 2);
    return Append(std::fill_n(out, -whole, '0'), d.digits, d.count);
  }
  out = Append(out, d.digits, whole);
  *out++ = '.';
  return Append(out, d.digits + whole, d.count - whole);
}

}  // namespace

// A number of so many bits has as many digits as the power of two, or one more.
size_t CountDigits(uint64_t value) {
  value |= 1;  // Zero has a digit, too.
  const auto least = static_cast<size_t>(std::bit_width(value)) * 1233 >> 12;
  return least + (value >= kPowersOfTen[least] ? 1 : 0);
}

std::optional<int64_t> ParseInt64(std::string_view s) {
  if (s == "0") return 0;
  const bool negative = !s.empty() && s[0] == '-';
  const auto magnitude = ParsePositive(s.substr(negative ? 1 : 0));
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!magnitude || *magnitude > kMax + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - *magnitude : *magnitude);
}

std::optional<uint64_t> ParseUint64(std::string_view s) {
  if (s == "0") return 0;
  return ParsePositive(s);
}

std::optional<double> ParseDouble(std::string_view s) {
  // The quick reader knows neither '+' nor "0x" nor denormals' rules: what it does not take whole
  // and finite goes the long way.
  double value = 0;
  const auto read = std::from_chars(s.data(), s.data() + s.size(), value);
  if (read.ec == std::errc{} && read.ptr == s.data() + s.size() && std::isfinite(value)) {
    return value;
  }
  return ParseFloatSlowly<double>(s);
}

std::optional<double> ParseLooseDouble(std::string_view s) {
  const std::string text(s.substr(0, s.find('\0')));
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || std::isnan(value)) return std::nullopt;
  return value;
}

std::optional<long double> ParseLongDouble(std::string_view s) {
  if (s.size() >= kLongDoubleChars) return std::nullopt;
  return ParseFloatSlowly<long double>(s);
}

std::optional<int64_t> ParseMemory(std::string_view s) {
  int64_t value = 0;
  size_t digits = 0;
  for (; digits < s.size() && IsDigit(s[digits]); ++digits) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, s[digits] - '0', &value)) {
      return std::nullopt;
    }
  }
  const auto unit = MemoryUnit(s.substr(digits));
  if (digits == 0 || !unit || __builtin_mul_overflow(value, *unit, &value)) return std::nullopt;
  return value;
}

size_t FormatInt64(int64_t value, char* out) {
  if (value >= 0) return FormatUint64(static_cast<uint64_t>(value), out);
  *out = '-';
  return 1 + FormatUint64(0 - static_cast<uint64_t>(value), out + 1);
}

// Every integer reply and every length comes through here; the library's takes twice as long.
size_t FormatUint64(uint64_t value, char* out) {
  const size_t digits = CountDigits(value);
  char* p = out + digits;
  for (; value >= 100; value /= 100) {
    p -= 2;
    std::memcpy(p, kDigitPairs.data() + 2 * (value % 100), 2);
  }
  if (value >= 10) {
    std::memcpy(out, kDigitPairs.data() + 2 * value, 2);
  } else {
    *out = static_cast<char>('0' + value);
  }
  return digits;
}

size_t FormatDouble(double value, char* out) {
  const char* const start = out;
  if (std::isnan(value)) {
    out = Append(out, "nan", 3);
  } else if (value != 0 && IsPlainInteger(value)) {
    return FormatInt64(static_cast<int64_t>(value), out);
  } else {
    if (std::signbit(value)) *out++ = '-';
    if (std::isinf(value)) {
      out = Append(out, "inf", 3);
    } else if (value == 0) {
      *out++ = '0';
    } else {
      out = WriteDecimal(ShortestDecimal(std::abs(value)), out);
    }
  }
  return static_cast<size_t>(out - start);
}

std::string FormatDouble(double value) {
  char text[kDoubleChars];
  return std::string(text, FormatDouble(value, text));
}

std::string FormatLongDouble(long double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[kLongDoubleChars];  // The largest value has 4933 digits before the point.
  const int length = std::snprintf(text, sizeof(text), "%.17Lf", value);
  std::string_view s(text, static_cast<size_t>(length));
  while (s.back() == '0') s.remove_suffix(1);
  if (s.back() == '.') s.remove_suffix(1);
  return s == "-0" ? "0" : std::string(s);
}

}  // namespace henge

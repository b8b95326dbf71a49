// SPDX-License-Identifier: Apache-2.0
// Numbers as Redis reads and writes them. Pure functions; any thread.
//
// Parsers take the whole text or refuse it: no spaces around it, nothing after it. A text that
// ParseInt64 accepts is the one text that FormatInt64 gives for its value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace henge {

// Decimal without '+', leading zeros or "-0"; nullopt if malformed or out of range.
std::optional<int64_t> ParseInt64(std::string_view s);
std::optional<uint64_t> ParseUint64(std::string_view s);

// Whatever strtod reads, also hexadecimal and "inf", in any case; refuses NaN, overflow, and
// underflow to zero.
std::optional<double> ParseDouble(std::string_view s);

// As strtod reads a C string whole: ends at a NUL, space may stand before, nothing at all is zero.
// Overflow is infinite, underflow zero; refuses NaN. Redis reads the ends of score ranges so.
std::optional<double> ParseLooseDouble(std::string_view s);

// As ParseDouble in extended precision; refuses texts of 5120 bytes or more.
std::optional<long double> ParseLongDouble(std::string_view s);

// Bytes, with a unit in any case: none or b, k = 1000, kb = 1024, m, mb, g, gb. Refuses a sign and
// what does not fit.
std::optional<int64_t> ParseMemory(std::string_view s);

// Writes the decimal digits, without a terminator, and returns how many bytes: at most 20.
inline constexpr size_t kInt64Chars = 20;
size_t FormatInt64(int64_t value, char* out);
size_t FormatUint64(uint64_t value, char* out);
// How many those are.
size_t CountDigits(uint64_t value);

// The shortest digits that read back as the same value, laid out as Redis 7.2 prints scores:
// 3, 0.1, 1e+30, 1.5e-9, inf, -inf, nan, -0. (Redis's Grisu2 gives a longer or a neighbouring digit
// string for about one value in 600; both read back the same.) At most kDoubleChars bytes, without
// a terminator.
inline constexpr size_t kDoubleChars = 32;
size_t FormatDouble(double value, char* out);
std::string FormatDouble(double value);

// Seventeen digits after the point, without trailing zeros (INCRBYFLOAT, HINCRBYFLOAT).
std::string FormatLongDouble(long double value);

}  // namespace henge

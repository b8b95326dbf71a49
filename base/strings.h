// SPDX-License-Identifier: Apache-2.0
// Strings at the border to Abseil, and what every floor needs of ASCII text.
//
// Debian builds Abseil with a string_view of its own: it neither converts from nor hashes like
// std::string_view. Henge uses std::string_view everywhere; `Std` and `Absl` stand at the border,
// and maps keyed by strings use `StringMap` / `StringSet`, whose hasher treats both alike.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstring>
#include <string>
#include <string_view>

namespace henge {

inline std::string_view Std(absl::string_view s) { return {s.data(), s.size()}; }
inline absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return absl::Hash<absl::string_view>{}(Absl(s)); }
};
struct StringEq {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};
template <class V>
using StringMap = absl::flat_hash_map<std::string, V, StringHash, StringEq>;
using StringSet = absl::flat_hash_set<std::string, StringHash, StringEq>;

constexpr char AsciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char AsciiUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

// Equality without regard to ASCII case, as Redis compares command names and options.
constexpr bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (AsciiLower(a[i]) != AsciiLower(b[i])) return false;
  }
  return true;
}

// memcpy that allows an empty view, whose data may be null.
inline void CopyBytes(char* to, std::string_view from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

std::string ToLower(std::string_view s);
std::string ToUpper(std::string_view s);

}  // namespace henge

// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/layout.h"

namespace henge::commands::hll {
namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr size_t kFormAt = 4;
constexpr size_t kCountAt = 8;
constexpr uint64_t kStale = uint64_t{1} << 63;

}  // namespace

std::optional<Form> FormOf(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || !bytes.starts_with(kMagic)) return std::nullopt;
  switch (bytes[kFormAt]) {
    case static_cast<char>(Form::kSparse):
      return Form::kSparse;
    case static_cast<char>(Form::kDense):
      if (bytes.size() == kDenseSize) return Form::kDense;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<uint64_t> CachedCount(std::string_view bytes) {
  uint64_t count = 0;
  for (size_t i = 0; i < 8; ++i) {
    count |= uint64_t{static_cast<uint8_t>(bytes[kCountAt + i])} << (8 * i);
  }
  if ((count & kStale) != 0) return std::nullopt;
  return count;
}

void StoreCount(char* bytes, uint64_t count) {
  for (size_t i = 0; i < 8; ++i) bytes[kCountAt + i] = static_cast<char>(count >> (8 * i));
}

void ForgetCount(char* bytes) {
  bytes[kCountAt + 7] = static_cast<char>(bytes[kCountAt + 7] | '\x80');
}

void SetForm(char* bytes, Form form) { bytes[kFormAt] = static_cast<char>(form); }

}  // namespace henge::commands::hll

// SPDX-License-Identifier: Apache-2.0
// Bytes from outside as an intset: what Validate takes must be sound for everything else.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/encoding/intset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using henge::store::Intset;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto count = Intset::Validate(bytes);
  if (!count) return 0;
  Intset set = Intset::Copy(bytes);
  if (set.size() != *count || set.view() != bytes) std::abort();
  for (uint32_t i = 0; i < *count; ++i) {
    if (!set.Contains(set.Get(i))) std::abort();
  }
  const int64_t added = static_cast<int64_t>(size) * -0x10001;
  const bool is_new = set.Add(added);
  if (set.size() != *count + (is_new ? 1 : 0) || !set.Contains(added)) std::abort();
  if (!Intset::Validate(set.view())) std::abort();
  while (!set.empty()) set.EraseAt(set.size() / 2);
  std::free(set.block());
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Many places are looked at together, by three bytes of what is wanted: the first, and the last
// two, which tell numbered things apart. Where all three agree the rest is compared.
#include "store/encoding/find_bytes.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace henge::store {
namespace {

bool HoldsByPlaces(const char* p, const char* end, std::string_view wanted) {
  for (; end - p >= std::ssize(wanted); ++p) {
    if (*p == wanted[0] && std::memcmp(p, wanted.data(), wanted.size()) == 0) return true;
  }
  return false;
}

#if defined(__x86_64__)
// Whether `wanted` stands at one of the places, a bit each.
bool IsAtOneOf(const char* p, uint32_t places, std::string_view wanted) {
  for (; places != 0; places &= places - 1) {
    if (std::memcmp(p + std::countr_zero(places), wanted.data(), wanted.size()) == 0) return true;
  }
  return false;
}

bool HoldsBySse2(const char* p, const char* end, std::string_view wanted) {
  const std::ptrdiff_t last = std::ssize(wanted) - 1;
  const std::ptrdiff_t before = last > 0 ? last - 1 : 0;
  const __m128i first_byte = _mm_set1_epi8(wanted[0]);
  const __m128i last_byte = _mm_set1_epi8(wanted.back());
  const __m128i byte_before = _mm_set1_epi8(wanted[static_cast<size_t>(before)]);
  const auto load = [](const char* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  for (; end - p >= last + 16; p += 16) {
    const __m128i ends = _mm_and_si128(_mm_cmpeq_epi8(load(p), first_byte),
                                       _mm_cmpeq_epi8(load(p + last), last_byte));
    const __m128i all = _mm_and_si128(ends, _mm_cmpeq_epi8(load(p + before), byte_before));
    if (IsAtOneOf(p, static_cast<uint32_t>(_mm_movemask_epi8(all)), wanted)) return true;
  }
  return HoldsByPlaces(p, end, wanted);
}

[[gnu::target("avx2")]] bool HoldsByAvx2(const char* p, const char* end, std::string_view wanted) {
  const std::ptrdiff_t last = std::ssize(wanted) - 1;
  const std::ptrdiff_t before = last > 0 ? last - 1 : 0;
  const __m256i first_byte = _mm256_set1_epi8(wanted[0]);
  const __m256i last_byte = _mm256_set1_epi8(wanted.back());
  const __m256i byte_before = _mm256_set1_epi8(wanted[static_cast<size_t>(before)]);
  for (; end - p >= last + 32; p += 32) {
    const __m256i firsts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i lasts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + last));
    const __m256i befores = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + before));
    const __m256i ends = _mm256_and_si256(_mm256_cmpeq_epi8(firsts, first_byte),
                                          _mm256_cmpeq_epi8(lasts, last_byte));
    const __m256i all = _mm256_and_si256(ends, _mm256_cmpeq_epi8(befores, byte_before));
    if (IsAtOneOf(p, static_cast<uint32_t>(_mm256_movemask_epi8(all)), wanted)) return true;
  }
  return HoldsByPlaces(p, end, wanted);
}
#endif

using Search = bool (*)(const char*, const char*, std::string_view);
Search BestSearch() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") ? HoldsByAvx2 : HoldsBySse2;
#else
  return HoldsByPlaces;
#endif
}

}  // namespace

bool HoldsBytes(std::string_view bytes, std::string_view wanted) {
  static const Search search = BestSearch();
  return search(bytes.data(), bytes.data() + bytes.size(), wanted);
}

}  // namespace henge::store

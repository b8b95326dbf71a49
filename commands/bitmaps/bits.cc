// SPDX-License-Identifier: Apache-2.0
#include "commands/bitmaps/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace henge::commands {
namespace {

uint64_t LoadWord(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

uint64_t BigEndian(uint64_t word) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

uint64_t CountByWords(const char* bytes, size_t size) {
  uint64_t count = 0;
  for (; size >= 8; bytes += 8, size -= 8) {
    count += static_cast<uint64_t>(std::popcount(LoadWord(bytes)));
  }
  for (; size > 0; ++bytes, --size) {
    count += static_cast<uint64_t>(std::popcount(static_cast<uint8_t>(*bytes)));
  }
  return count;
}

#if defined(__x86_64__)
// The same code with the processor's own instruction, which all of the last fifteen years have.
[[gnu::target("popcnt")]] uint64_t CountByPopcnt(const char* bytes, size_t size) {
  uint64_t count = 0;
  for (; size >= 8; bytes += 8, size -= 8) {
    count += static_cast<uint64_t>(__builtin_popcountll(LoadWord(bytes)));
  }
  for (; size > 0; ++bytes, --size) {
    count += static_cast<uint64_t>(__builtin_popcount(static_cast<uint8_t>(*bytes)));
  }
  return count;
}

// A table of sixteen nibbles in a register, looked up 32 at a time; the sums of bytes are gathered
// into words before they can overflow (W. Muła, N. Kurz, D. Lemire, "Faster population counts using
// AVX2 instructions").
[[gnu::target("avx2,popcnt")]] uint64_t CountByAvx2(const char* bytes, size_t size) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low_nibbles = _mm256_set1_epi8(0x0f);
  __m256i total = _mm256_setzero_si256();
  constexpr size_t kStepsBeforeOverflow = 31;  // Eight a step in a byte: 31 * 8 = 248.
  while (size >= 32) {
    __m256i sums = _mm256_setzero_si256();
    const size_t steps = std::min(size / 32, kStepsBeforeOverflow);
    for (size_t i = 0; i < steps; ++i, bytes += 32) {
      const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
      const __m256i low = _mm256_and_si256(row, low_nibbles);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(row, 4), low_nibbles);
      sums = _mm256_add_epi8(sums, _mm256_shuffle_epi8(table, low));
      sums = _mm256_add_epi8(sums, _mm256_shuffle_epi8(table, high));
    }
    size -= steps * 32;
    total = _mm256_add_epi64(total, _mm256_sad_epu8(sums, _mm256_setzero_si256()));
  }
  uint64_t parts[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), total);
  return parts[0] + parts[1] + parts[2] + parts[3] + CountByPopcnt(bytes, size);
}
#endif

using Counter = uint64_t (*)(const char*, size_t);
Counter BestCounter() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return CountByAvx2;
  if (__builtin_cpu_supports("popcnt")) return CountByPopcnt;
#endif
  return CountByWords;
}

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// The first set bit of the bytes from `at` on, every byte first xored with `flip`'s.
std::optional<uint64_t> FindSet(std::string_view bytes, size_t at, uint64_t flip) {
  const char* p = bytes.data();
  for (; at + 32 <= bytes.size(); at += 32) {
    const uint64_t any = (LoadWord(p + at) ^ flip) | (LoadWord(p + at + 8) ^ flip) |
                         (LoadWord(p + at + 16) ^ flip) | (LoadWord(p + at + 24) ^ flip);
    if (any != 0) break;
  }
  for (; at + 8 <= bytes.size(); at += 8) {
    const uint64_t word = BigEndian(LoadWord(p + at) ^ flip);
    if (word != 0) return at * 8 + static_cast<uint64_t>(std::countl_zero(word));
  }
  for (; at < bytes.size(); ++at) {
    const auto byte = static_cast<uint8_t>(ByteAt(bytes, at) ^ flip);
    if (byte != 0) return at * 8 + static_cast<uint64_t>(std::countl_zero(byte));
  }
  return std::nullopt;
}

template <class F>
void Merge(char* out, const char* in, size_t size, F merge) {
  constexpr size_t kWords = 8;  // A fixed count, which compilers turn into vectors.
  for (; size >= kWords * 8; out += kWords * 8, in += kWords * 8, size -= kWords * 8) {
    uint64_t a[kWords];
    uint64_t b[kWords];
    std::memcpy(a, out, sizeof(a));
    std::memcpy(b, in, sizeof(b));
    for (size_t i = 0; i < kWords; ++i) a[i] = merge(a[i], b[i]);
    std::memcpy(out, a, sizeof(a));
  }
  for (; size > 0; ++out, ++in, --size) {
    *out = static_cast<char>(merge(static_cast<uint8_t>(*out), static_cast<uint8_t>(*in)));
  }
}

void MergeInput(BitOperation operation, char* out, const char* in, size_t size) {
  switch (operation) {
    case BitOperation::kAnd:
      return Merge(out, in, size, [](uint64_t a, uint64_t b) { return a & b; });
    case BitOperation::kOr:
      return Merge(out, in, size, [](uint64_t a, uint64_t b) { return a | b; });
    case BitOperation::kXor:
      return Merge(out, in, size, [](uint64_t a, uint64_t b) { return a ^ b; });
    case BitOperation::kNot:
      return Merge(out, in, size, [](uint64_t, uint64_t b) { return ~b; });
  }
}

// What of `input` falls into the block [at, at + size).
std::string_view Part(std::string_view input, size_t at, size_t size) {
  return at < input.size() ? input.substr(at, size) : std::string_view();
}

}  // namespace

uint64_t CountBits(std::string_view bytes) {
  static const Counter count = BestCounter();
  return count(bytes.data(), bytes.size());
}

uint64_t CountBits(std::string_view bytes, BitRange range) {
  const size_t head = range.first / 8;
  const size_t tail = range.last / 8;
  const auto before = static_cast<uint8_t>(~(0xff >> range.first % 8));
  const auto after = static_cast<uint8_t>(0x7f >> range.last % 8);
  const auto outside = std::popcount(static_cast<uint8_t>(ByteAt(bytes, head) & before)) +
                       std::popcount(static_cast<uint8_t>(ByteAt(bytes, tail) & after));
  return CountBits(bytes.substr(head, tail - head + 1)) - static_cast<uint64_t>(outside);
}

std::optional<uint64_t> FindBit(std::string_view bytes, bool bit, BitRange range) {
  const uint64_t flip = bit ? 0 : ~uint64_t{0};
  const size_t head = range.first / 8;
  const std::string_view within = bytes.substr(0, range.last / 8 + 1);
  const auto first_byte =
      static_cast<uint8_t>((ByteAt(bytes, head) ^ flip) & (0xffu >> range.first % 8));
  const std::optional<uint64_t> found =
      first_byte != 0
          ? std::optional(head * 8 + static_cast<uint64_t>(std::countl_zero(first_byte)))
          : FindSet(within, head + 1, flip);
  return found && *found <= range.last ? found : std::nullopt;
}

void CombineBits(BitOperation operation, std::span<const std::string_view> inputs, char* out) {
  size_t size = 0;
  for (const std::string_view input : inputs) size = std::max(size, input.size());
  constexpr size_t kBlock = 4096;  // Stays in the first-level cache while every input passes by.
  for (size_t at = 0; at < size; at += kBlock) {
    const size_t block = std::min(kBlock, size - at);
    const std::string_view first = Part(inputs[0], at, block);
    if (!first.empty()) std::memcpy(out + at, first.data(), first.size());
    std::memset(out + at + first.size(), 0, block - first.size());
    if (operation == BitOperation::kNot) MergeInput(operation, out + at, first.data(), block);
    for (const std::string_view input : inputs.subspan(1)) {
      const std::string_view part = Part(input, at, block);
      MergeInput(operation, out + at, part.data(), part.size());
      if (operation == BitOperation::kAnd) {
        std::memset(out + at + part.size(), 0, block - part.size());
      }
    }
  }
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// How a HyperLogLog stands in a string, byte for byte as Redis writes it
// (docs/formats/hyperloglog.md): a header of 16 bytes, then 16384 registers, packed (dense) or as
// runs (sparse).
//
//   "HYLL" | form 1 | unused 3 | cached count 8, little endian, top bit: not valid | registers …
//
// Pure functions over bytes that may be anything; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace henge::commands::hll {

inline constexpr int kIndexBits = 14;
inline constexpr uint32_t kRegisters = 1u << kIndexBits;
// A rank is one more than the zeros that follow in a hash, whose other 50 bits may all be.
inline constexpr int kMaxRank = 64 - kIndexBits + 1;
inline constexpr uint32_t kRegisterBits = 6;

inline constexpr size_t kHeaderSize = 16;
inline constexpr size_t kDenseBytes = kRegisters * kRegisterBits / 8;
inline constexpr size_t kDenseSize = kHeaderSize + kDenseBytes;
// No run is empty and none takes more than two bytes, so what is longer is damaged.
inline constexpr size_t kMaxSparseSize = kHeaderSize + 2 * kRegisters;

enum class Form : uint8_t { kDense = 0, kSparse = 1 };

// Nothing if the bytes are no HyperLogLog by their header and, dense, by their size. What follows
// a sparse header may still be damaged.
std::optional<Form> FormOf(std::string_view bytes);

// The count kept in the header. Nothing if registers have changed since.
// REQUIRES, here and below: kHeaderSize bytes at least.
std::optional<uint64_t> CachedCount(std::string_view bytes);
void StoreCount(char* bytes, uint64_t count);
void ForgetCount(char* bytes);
void SetForm(char* bytes, Form form);

// The registers' bytes, behind the header.
inline const uint8_t* RegisterBytes(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data()) + kHeaderSize;
}

}  // namespace henge::commands::hll

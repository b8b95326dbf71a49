// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/sparse.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace henge::commands::hll {
namespace {

constexpr uint8_t kRankBit = 0x80;
constexpr uint8_t kLongZeroBit = 0x40;
constexpr uint32_t kMaxZeroRun = 64;
constexpr uint32_t kMaxRankRun = 4;
constexpr int kJoinSteps = 5;  // Redis looks at five runs around a change.

// Registers of the run that begins with a byte; 0 where the next byte tells.
constexpr auto kRunLength = [] {
  std::array<uint8_t, 256> lengths{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    if ((byte & kRankBit) != 0) {
      lengths[byte] = static_cast<uint8_t>((byte & 3) + 1);
    } else if ((byte & kLongZeroBit) == 0) {
      lengths[byte] = static_cast<uint8_t>((byte & 63) + 1);
    }
  }
  return lengths;
}();

uint8_t ByteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
bool IsRank(uint8_t byte) { return (byte & kRankBit) != 0; }
constexpr uint8_t RankOf(uint8_t byte) { return static_cast<uint8_t>((byte >> 2 & 31) + 1); }
uint32_t LongZeroLength(uint8_t high, uint8_t low) { return ((high & 63u) << 8 | low) + 1; }

// Writes runs one after another.
class RunBuffer {
 public:
  void Zeros(uint32_t length) {
    if (length == 0) return;
    const uint32_t l = length - 1;
    if (length > kMaxZeroRun) {
      Put(kLongZeroBit | l >> 8);
      Put(l & 255);
    } else {
      Put(l);
    }
  }
  void Ranks(uint8_t rank, uint32_t length) {
    if (length == 0) return;
    Put(kRankBit | (rank - 1u) << 2 | (length - 1));
  }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  void Put(uint32_t byte) { bytes_[size_++] = static_cast<char>(byte); }
  char bytes_[5];  // Two long runs of zeros around a rank.
  size_t size_ = 0;
};

// The rank of the run that begins with a byte.
constexpr auto kRunRank = [] {
  std::array<uint8_t, 256> ranks{};
  for (unsigned byte = kRankBit; byte < 256; ++byte)
    ranks[byte] = RankOf(static_cast<uint8_t>(byte));
  return ranks;
}();

// Calls fn(first register, rank, registers) for each run. Whether the runs are whole and cover the
// registers. By tables: which kind of run comes next is hard to foresee.
template <class F>
bool ForEachRun(std::string_view value, F fn) {
  uint32_t first = 0;
  for (size_t at = kHeaderSize; at < value.size(); ++at) {
    const uint8_t byte = ByteAt(value, at);
    uint32_t length = kRunLength[byte];
    if (length == 0) {
      if (++at == value.size()) return false;
      length = LongZeroLength(byte, ByteAt(value, at));
    }
    if (length > kRegisters - first) return false;
    fn(first, kRunRank[byte], length);
    first += length;
  }
  return first == kRegisters;
}

}  // namespace

std::optional<Run> FirstRun(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const uint8_t byte = ByteAt(bytes, 0);
  if (IsRank(byte)) return Run{Run::Kind::kRank, RankOf(byte), 1, kRunLength[byte]};
  if ((byte & kLongZeroBit) == 0) return Run{Run::Kind::kZero, 0, 1, kRunLength[byte]};
  if (bytes.size() < 2) return std::nullopt;
  return Run{Run::Kind::kLongZero, 0, 2, LongZeroLength(byte, ByteAt(bytes, 1))};
}

std::optional<Histogram> SparseHistogram(std::string_view value) {
  // Two, so that few increments wait for the one before them.
  std::array<Histogram, 2> parts{};
  uint32_t turn = 0;
  const bool whole = ForEachRun(value, [&](uint32_t, uint8_t rank, uint32_t length) {
    parts[turn][rank] += length;
    turn ^= (rank == 0 ? 1 : 0);
  });
  if (!whole) return std::nullopt;
  for (size_t i = 0; i < parts[0].size(); ++i) parts[0][i] += parts[1][i];
  return parts[0];
}

bool MergeSparse(std::string_view value, Registers& registers) {
  return ForEachRun(value, [&](uint32_t first, uint8_t rank, uint32_t length) {
    if (rank == 0) return;
    for (uint32_t i = first; i < first + length; ++i) {
      registers.ranks[i] = std::max(registers.ranks[i], rank);
    }
  });
}

std::optional<std::string> DenseFromSparse(std::string_view value) {
  Registers registers{};
  if (!MergeSparse(value, registers)) return std::nullopt;
  std::string dense(kDenseSize, '\0');
  value.copy(dense.data(), kHeaderSize);
  SetForm(dense.data(), Form::kDense);
  PackDense(registers, reinterpret_cast<uint8_t*>(dense.data()) + kHeaderSize);
  return dense;
}

std::optional<SparseEditor::Found> SparseEditor::Locate(uint32_t index) {
  if (index < resume_above_) {
    resume_ = kStart;
    resume_above_ = 0;
  }
  Place place = resume_;
  Place before = kStart;
  Place before_that = kStart;
  const std::string_view bytes = value_;
  for (size_t moved = 0; place.at < bytes.size(); ++moved) {
    const uint8_t byte = ByteAt(bytes, place.at);
    uint32_t length = kRunLength[byte];
    size_t size = 1;
    if (length == 0) {
      if (place.at + 1 == bytes.size()) return std::nullopt;
      length = LongZeroLength(byte, ByteAt(bytes, place.at + 1));
      size = 2;
    }
    if (index - place.first < length) {
      if (moved >= 2) {  // The run before may yet be joined; the one before that is left alone.
        resume_ = before_that;
        resume_above_ = before.first;
      }
      return Found{place, before};
    }
    before_that = before;
    before = place;
    place = {place.at + size, place.first + length};
  }
  return std::nullopt;
}

SparseEditor::Outcome SparseEditor::Raise(Hit hit) {
  if (hit.rank > kMaxSparseRank) return Outcome::kNeedsDense;
  const auto found = Locate(hit.index);
  if (!found) return Outcome::kDamaged;
  const size_t at = found->place.at;
  const Run run = *FirstRun(std::string_view(value_).substr(at));
  if (run.rank >= hit.rank) return Outcome::kUnchanged;
  const uint32_t left = hit.index - found->place.first;
  const uint32_t right = run.registers - left - 1;
  RunBuffer runs;
  run.rank == 0 ? runs.Zeros(left) : runs.Ranks(run.rank, left);
  runs.Ranks(hit.rank, 1);
  run.rank == 0 ? runs.Zeros(right) : runs.Ranks(run.rank, right);
  const size_t size = runs.view().size();
  if (size > run.bytes && value_.size() + size - run.bytes > max_bytes_) {
    return Outcome::kNeedsDense;
  }
  value_.replace(at, run.bytes, runs.view());
  Join(found->before.at);
  return Outcome::kRaised;
}

void SparseEditor::Join(size_t from) {
  size_t at = from;
  for (int i = 0; i < kJoinSteps && at < value_.size(); ++i) {
    const uint8_t byte = ByteAt(value_, at);
    if (!IsRank(byte)) {
      at += (byte & kLongZeroBit) != 0 ? 2 : 1;
      continue;
    }
    const uint8_t next = at + 1 < value_.size() ? ByteAt(value_, at + 1) : uint8_t{0};
    const uint32_t length = uint32_t{kRunLength[byte]} + kRunLength[next];
    if (IsRank(next) && RankOf(next) == RankOf(byte) && length <= kMaxRankRun) {
      RunBuffer joined;
      joined.Ranks(RankOf(byte), length);
      value_.replace(at, 2, joined.view());
    } else {
      ++at;
    }
  }
}

}  // namespace henge::commands::hll

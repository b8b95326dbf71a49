// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/self_check.h"

#include <cmath>
#include <vector>

#include "commands/hyperloglog/sketch.h"

namespace henge::commands::hll {
namespace {

constexpr int kRegisterRounds = 20;
constexpr uint64_t kElements = 100'000;

std::string TestRegisters(Random& random) {
  std::vector<uint8_t> packed(kDenseBytes);
  Registers model{};
  for (int round = 0; round < kRegisterRounds; ++round) {
    for (uint32_t i = 0; i < kRegisters; ++i) {
      model.ranks[i] = static_cast<uint8_t>(random.Below(64));
      SetDenseRank(packed.data(), i, model.ranks[i]);
    }
    for (uint32_t i = 0; i < kRegisters; ++i) {
      const uint8_t rank = DenseRank(packed.data(), i);
      if (rank == model.ranks[i]) continue;
      return "TESTFAILED Register " + std::to_string(i) + " should be " +
             std::to_string(model.ranks[i]) + " but is " + std::to_string(rank);
    }
  }
  return {};
}

// Compares the two forms and the truth after `added` elements.
std::string TestCount(const Registers& registers, std::string_view value, uint64_t added,
                      size_t sparse_max_bytes) {
  if (added < sparse_max_bytes / 2 && FormOf(value) != Form::kSparse) {
    return "TESTFAILED sparse encoding not used";
  }
  const uint64_t count = CountOf(registers);
  if (Count(value) != count) return "TESTFAILED dense/sparse disagree";
  const double error = std::abs(static_cast<double>(count) - static_cast<double>(added));
  const double standard = 1.04 / std::sqrt(kRegisters) * static_cast<double>(added);
  // Of ten, two may well share a register.
  if (error <= (added == 10 ? 1 : std::ceil(6 * standard))) return {};
  return "TESTFAILED Too big error. card:" + std::to_string(added) +
         " abserr:" + std::to_string(static_cast<uint64_t>(error));
}

std::string TestCounts(Random& random, size_t sparse_max_bytes) {
  const uint64_t seed = random.Next();
  Registers registers{};
  Sketch sketch(EmptySketch(), sparse_max_bytes);
  uint64_t checkpoint = 1;
  for (uint64_t i = 1; i <= kElements; ++i) {
    const uint64_t element = i ^ seed;
    const Hit hit = HitOf({reinterpret_cast<const char*>(&element), sizeof(element)});
    registers.ranks[hit.index] = std::max(registers.ranks[hit.index], hit.rank);
    if (sketch.Raise(hit) == Sketch::Outcome::kDamaged) return "TESTFAILED damaged";
    if (i != checkpoint) continue;
    if (auto error = TestCount(registers, sketch.value(), i, sparse_max_bytes); !error.empty()) {
      return error;
    }
    checkpoint *= 10;
  }
  return {};
}

}  // namespace

std::string SelfCheck(Random& random, size_t sparse_max_bytes) {
  if (auto error = TestRegisters(random); !error.empty()) return error;
  return TestCounts(random, sparse_max_bytes);
}

}  // namespace henge::commands::hll

// SPDX-License-Identifier: Apache-2.0
// Any bytes as a HyperLogLog: nothing reads outside them, all ways of reading agree on whether they
// are damaged, and raising registers of a whole value gives what a plain array of ranks gives. The
// first two bytes choose the form, the limit of the sparse one and how many hits follow at the end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "commands/hyperloglog/sketch.h"

namespace {

namespace hll = henge::commands::hll;

void Check(bool holds) {
  if (!holds) std::abort();
}

// A header of that form and the bytes behind it; dense ones are cut or filled up to size.
std::string ValueOf(bool dense, std::string_view registers) {
  std::string value(hll::EmptySketch().substr(0, hll::kHeaderSize));
  hll::SetForm(value.data(), dense ? hll::Form::kDense : hll::Form::kSparse);
  value += registers;
  if (dense) value.resize(hll::kDenseSize);
  value.shrink_to_fit();  // So that the sanitizer sees a step beyond.
  return value;
}

// Three bytes a hit.
hll::Hit HitAt(const uint8_t* bytes) {
  return {.index = static_cast<uint16_t>((bytes[0] << 8 | bytes[1]) % hll::kRegisters),
          .rank = static_cast<uint8_t>(bytes[2] % hll::kMaxRank + 1)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 20'000) return 0;
  const size_t hits = std::min<size_t>(data[1] % 32, (size - 2) / 3);
  const uint8_t* first_hit = data + size - 3 * hits;
  const std::string value =
      ValueOf((data[0] & 1) != 0,
              {reinterpret_cast<const char*>(data) + 2, static_cast<size_t>(first_hit - data) - 2});
  const bool whole = hll::Count(value).has_value();
  auto ranks = std::make_unique<hll::Registers>();
  Check(hll::MergeInto(value, *ranks) == whole);
  if (whole) Check(hll::CountOf(*ranks) == hll::Count(value));
  const bool sparse = hll::FormOf(value) == hll::Form::kSparse;
  if (sparse) Check(hll::DenseFromSparse(value).has_value() == whole);

  hll::Sketch sketch(value, size_t{data[0]} * 16);
  for (size_t i = 0; i < hits; ++i) {
    const hll::Hit hit = HitAt(first_hit + 3 * i);
    const auto outcome = sketch.Raise(hit);
    if (outcome == hll::Sketch::Outcome::kDamaged) {
      Check(!whole);
      return 0;
    }
    uint8_t& rank = ranks->ranks[hit.index];
    if (whole) Check((outcome == hll::Sketch::Outcome::kRaised) == (rank < hit.rank));
    rank = std::max(rank, hit.rank);
  }
  if (!whole) return 0;
  auto result = std::make_unique<hll::Registers>();
  Check(hll::MergeInto(std::move(sketch).Take(), *result));
  Check(result->ranks == ranks->ranks);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/sketch.h"

#include <utility>

namespace henge::commands::hll {
namespace {

constexpr size_t kGrowth = 64;  // Room for a few runs more.

}  // namespace

std::string_view EmptySketch() {
  static constexpr char kBytes[] = "HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff";
  return {kBytes, sizeof(kBytes) - 1};
}

std::optional<uint64_t> Count(std::string_view value) {
  if (FormOf(value) == Form::kDense) return Estimate(DenseHistogram(RegisterBytes(value)));
  const auto histogram = SparseHistogram(value);
  if (!histogram) return std::nullopt;
  return Estimate(*histogram);
}

bool MergeInto(std::string_view value, Registers& registers) {
  if (FormOf(value) == Form::kSparse) return MergeSparse(value, registers);
  MergeDense(RegisterBytes(value), registers);
  return true;
}

uint64_t CountOf(const Registers& registers) { return Estimate(HistogramOf(registers)); }

Sketch::Sketch(std::string_view value, size_t sparse_max_bytes) {
  const bool sparse = FormOf(value) == Form::kSparse;
  value_.reserve(value.size() + (sparse ? kGrowth : 0));
  value_ = value;
  if (sparse) editor_.emplace(value_, sparse_max_bytes);
}

Sketch::Outcome Sketch::Raise(Hit hit) {
  if (editor_) {
    switch (editor_->Raise(hit)) {
      case SparseEditor::Outcome::kUnchanged:
        return Outcome::kUnchanged;
      case SparseEditor::Outcome::kRaised:
        return Outcome::kRaised;
      case SparseEditor::Outcome::kDamaged:
        return Outcome::kDamaged;
      case SparseEditor::Outcome::kNeedsDense:
        auto dense = DenseFromSparse(value_);
        if (!dense) return Outcome::kDamaged;
        editor_.reset();
        value_ = *std::move(dense);
    }
  }
  auto* registers = reinterpret_cast<uint8_t*>(value_.data()) + kHeaderSize;
  if (DenseRank(registers, hit.index) >= hit.rank) return Outcome::kUnchanged;
  SetDenseRank(registers, hit.index, hit.rank);
  return Outcome::kRaised;
}

std::string Sketch::Take() && {
  editor_.reset();
  ForgetCount(value_.data());
  return std::move(value_);
}

}  // namespace henge::commands::hll

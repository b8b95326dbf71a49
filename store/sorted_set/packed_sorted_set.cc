// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/packed_sorted_set.h"

#include <cmath>

#include "base/numbers.h"

namespace henge::store {
namespace {

// The score as an integer, where it is one and doubles tell it from its neighbours.
std::optional<int64_t> AsInteger(double score) {
  constexpr double kLimit = 4611686018427387904.0;  // 2^62
  if (!(score >= -kLimit && score <= kLimit)) return std::nullopt;
  const auto integer = static_cast<int64_t>(score);
  if (static_cast<double>(integer) != score) return std::nullopt;
  return integer;
}

}  // namespace

double PackedSortedSet::ScoreAt(At at) const {
  const ListpackElement element = pack_.Get(pack_.Next(at));
  if (element.is_integer()) return static_cast<double>(element.integer);
  return ParseDouble({element.data, element.size}).value_or(0);
}

void PackedSortedSet::Insert(std::string_view member, double score) {
  At at = First();
  for (; at != Listpack::kNone; at = Next(at)) {
    const double other = ScoreAt(at);
    if (other > score) break;
    if (other < score) continue;
    ListpackElement::Digits digits;
    if (MemberAt(at).Text(digits) > member) break;
  }
  if (at == Listpack::kNone) return Append(member, score);
  at = pack_.Insert(at, member);
  at = pack_.Next(at);
  if (const auto integer = AsInteger(score)) {
    pack_.Insert(at, *integer);
  } else {
    char text[kDoubleChars];
    pack_.Insert(at, {text, FormatDouble(score, text)});
  }
}

void PackedSortedSet::Append(std::string_view member, double score) {
  pack_.Append(member);
  if (const auto integer = AsInteger(score)) {
    pack_.Append(*integer);
  } else {
    char text[kDoubleChars];
    pack_.Append({text, FormatDouble(score, text)});
  }
}

}  // namespace henge::store

// SPDX-License-Identifier: Apache-2.0
// PackedSortedSet: a small sorted set in one listpack, as Redis keeps it: member, score, member,
// score, …, lowest first. A score is an integer where it is one, else its text.
//
// A handle, like Listpack: changes may move the block. Not thread-safe.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "store/encoding/listpack.h"

namespace henge::store {

class PackedSortedSet {
 public:
  using At = Listpack::At;

  explicit PackedSortedSet(void* block) : pack_(block) {}

  const Listpack& pack() const { return pack_; }
  size_t size() const { return pack_.size() / 2; }

  At First() const { return pack_.First(); }
  At Seek(size_t rank) const { return pack_.Seek(static_cast<int64_t>(2 * rank)); }
  At Next(At at) const { return pack_.Next(pack_.Next(at)); }
  At Previous(At at) const {  // kNone before the first.
    const At score = pack_.Prev(at);
    return score == Listpack::kNone ? score : pack_.Prev(score);
  }
  At Find(std::string_view member) const { return pack_.Find(member, pack_.First(), 1); }
  ListpackElement MemberAt(At at) const { return pack_.Get(at); }
  double ScoreAt(At at) const;  // Of the member that stands there.

  // Keeps the order. REQUIRES: absent.
  void Insert(std::string_view member, double score);
  // Behind the last. REQUIRES: it belongs there.
  void Append(std::string_view member, double score);
  void Erase(At at, size_t members = 1) { pack_.Erase(at, static_cast<uint32_t>(2 * members)); }

 private:
  Listpack pack_;
};

}  // namespace henge::store

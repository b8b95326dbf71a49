// SPDX-License-Identifier: Apache-2.0
// Identities in the cluster, of nodes and of replica groups: 40 lower-case hex digits, as cluster
// clients expect of Redis. The two are types of their own, so that one is not taken for the other.
//
// Operators name nodes freely in the configuration ("cache-1"). A name that already is 40 hex
// digits is taken as it stands; any other becomes the SHA-1 of the name, so that all nodes and all
// restarts agree without talking, and `printf %s cache-1 | sha1sum` tells it in a shell.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace henge::cluster {

template <class Of>
class HexId {
 public:
  static constexpr size_t kLength = 40;

  HexId() { digits_.fill('0'); }  // The zero id: nobody.

  static std::optional<HexId> Parse(std::string_view hex);  // Exactly 40 lower-case hex digits.
  static HexId FromName(std::string_view name);
  static HexId Random();

  std::string_view view() const { return {digits_.data(), digits_.size()}; }
  std::string str() const { return std::string(view()); }
  bool IsZero() const { return *this == HexId(); }

  auto operator<=>(const HexId&) const = default;

  template <class H>
  friend H AbslHashValue(H h, const HexId& id) {
    return H::combine(std::move(h), id.digits_);
  }

 private:
  std::array<char, kLength> digits_;
};

using NodeId = HexId<struct NodeTag>;
using GroupId = HexId<struct GroupTag>;  // CLUSTER MYSHARDID.

extern template class HexId<struct NodeTag>;
extern template class HexId<struct GroupTag>;

}  // namespace henge::cluster

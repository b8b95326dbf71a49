// SPDX-License-Identifier: Apache-2.0
// A node's identity in the cluster: 40 lower-case hex digits, as cluster clients expect of Redis.
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

class NodeId {
 public:
  static constexpr size_t kLength = 40;

  NodeId() { digits_.fill('0'); }  // The zero id: no node.

  static std::optional<NodeId> Parse(std::string_view hex);  // Exactly 40 lower-case hex digits.
  static NodeId FromName(std::string_view name);
  static NodeId Random();

  std::string_view view() const { return {digits_.data(), digits_.size()}; }
  std::string str() const { return std::string(view()); }
  bool IsZero() const { return *this == NodeId(); }

  auto operator<=>(const NodeId&) const = default;

  template <class H>
  friend H AbslHashValue(H h, const NodeId& id) {
    return H::combine(std::move(h), id.digits_);
  }

 private:
  std::array<char, kLength> digits_;
};

}  // namespace henge::cluster

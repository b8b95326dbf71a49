// SPDX-License-Identifier: Apache-2.0
#include "cluster/node_id.h"

#include <algorithm>

#include "base/random.h"
#include "base/sha1.h"

namespace henge::cluster {
namespace {

constexpr bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

template <class Of>
std::optional<HexId<Of>> HexId<Of>::Parse(std::string_view hex) {
  if (hex.size() != kLength || !std::all_of(hex.begin(), hex.end(), IsLowerHex)) {
    return std::nullopt;
  }
  HexId id;
  std::copy(hex.begin(), hex.end(), id.digits_.begin());
  return id;
}

template <class Of>
HexId<Of> HexId<Of>::FromName(std::string_view name) {
  if (const auto id = Parse(name)) return *id;
  return *Parse(Sha1Hex(name));
}

template <class Of>
HexId<Of> HexId<Of>::Random() {
  return *Parse(RandomHex(kLength));
}

template class HexId<struct NodeTag>;
template class HexId<struct GroupTag>;

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
#include "proxy/slot_routes.h"

#include <algorithm>

#include "base/numbers.h"

namespace henge::proxy {
namespace {

// Takes the text up to the next space off the front.
std::string_view TakeWord(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

std::optional<Endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');  // The last one: hosts of IPv6 have colons of their own.
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParseUint64(text.substr(colon + 1));
  if (!port || *port == 0 || *port > UINT16_MAX) return std::nullopt;
  return Endpoint{std::string(text.substr(0, colon)), static_cast<uint16_t>(*port)};
}

}  // namespace

std::optional<Redirection> ParseRedirection(std::string_view error) {
  const std::string_view kind = TakeWord(error);
  if (kind != "MOVED" && kind != "ASK") return std::nullopt;
  const auto slot = ParseUint64(TakeWord(error));
  const auto to = ParseEndpoint(TakeWord(error));
  if (!slot || *slot >= kSlots || !to || !error.empty()) return std::nullopt;
  return Redirection{kind == "MOVED", static_cast<Slot>(*slot), *to};
}

void SlotRoutes::Assign(Slot first, Slot last, const Endpoint& owner) {
  auto known = std::find(endpoints_.begin(), endpoints_.end(), owner);
  if (known == endpoints_.end()) {
    if (endpoints_.size() > kSlots)
      ForgetUnused();  // Whoever redirects may name new ones for ever.
    known = endpoints_.insert(endpoints_.end(), owner);
  }
  const auto index = static_cast<uint16_t>(known - endpoints_.begin());
  std::fill(owners_.begin() + first, owners_.begin() + last + 1, index);
}

void SlotRoutes::ForgetUnused() {
  std::vector<Endpoint> used;
  std::vector<uint16_t> moved_to(endpoints_.size(), kUnknown);
  for (uint16_t& owner : owners_) {
    if (owner == kUnknown) continue;
    if (moved_to[owner] == kUnknown) {
      moved_to[owner] = static_cast<uint16_t>(used.size());
      used.push_back(std::move(endpoints_[owner]));
    }
    owner = moved_to[owner];
  }
  endpoints_ = std::move(used);
}

}  // namespace henge::proxy

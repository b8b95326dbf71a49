// SPDX-License-Identifier: Apache-2.0
// Where a proxy sends a command: the owner of each slot as far as it knows, learnt from CLUSTER
// SLOTS and corrected by every redirection. Not thread-safe; each worker has its own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace henge::proxy {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// What an error reply asks for: "MOVED 3999 127.0.0.1:6381" or "ASK …".
struct Redirection {
  bool moved = false;  // For good; else this command alone goes there, after ASKING.
  Slot slot = 0;
  Endpoint to;  // An empty host is the one that said so.
};
std::optional<Redirection> ParseRedirection(std::string_view error);

class SlotRoutes {
 public:
  SlotRoutes() { owners_.fill(kUnknown); }

  // Slots first … last belong to `owner`. REQUIRES: first <= last.
  void Assign(Slot first, Slot last, const Endpoint& owner);
  // nullptr while nobody is known. Valid until the next Assign.
  const Endpoint* OwnerOf(Slot slot) const {
    return owners_[slot] == kUnknown ? nullptr : &endpoints_[owners_[slot]];
  }

 private:
  static constexpr uint16_t kUnknown = UINT16_MAX;

  void ForgetUnused();

  std::vector<Endpoint> endpoints_;
  std::array<uint16_t, kSlots> owners_;  // Into endpoints_.
};

}  // namespace henge::proxy

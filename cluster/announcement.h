// SPDX-License-Identifier: Apache-2.0
// What an operator has a node tell of itself instead of what follows from the rest: the
// cluster-announce-* parameters, and the one wish that Redis knows. A value; pure.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/topology.h"

namespace henge::cluster {

struct Announcement {  // Zero, empty: nothing else.
  std::string ip = {};
  uint16_t port = 0;
  uint16_t client_tls_port = 0;
  uint16_t bus_port = 0;
  std::string hostname = {};
  std::string nodename = {};
  bool no_failover = false;

  bool operator==(const Announcement&) const = default;
};

// The node as it is told of.
Node Announced(Node self, const Announcement& announcement);

// What a node may announce of itself, from one to the other; the rest stays.
void TakeAnnounced(Node& self, const Node& told);

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
#include "cluster/announcement.h"

namespace henge::cluster {

Node Announced(Node self, const Announcement& announcement) {
  if (!announcement.ip.empty()) self.host = announcement.ip;
  if (announcement.port != 0) self.port = announcement.port;
  if (announcement.client_tls_port != 0) self.tls_port = announcement.client_tls_port;
  if (announcement.bus_port != 0) self.bus_port = announcement.bus_port;
  if (!announcement.hostname.empty()) self.hostname = announcement.hostname;
  if (!announcement.nodename.empty()) self.name = announcement.nodename;
  self.no_failover = announcement.no_failover;
  return self;
}

void TakeAnnounced(Node& self, const Node& told) {
  self.name = told.name;
  self.host = told.host;
  self.port = told.port;
  self.tls_port = told.tls_port;
  self.bus_port = told.bus_port;
  self.hostname = told.hostname;
  self.no_failover = told.no_failover;
}

}  // namespace henge::cluster

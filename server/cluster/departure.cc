// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/departure.h"

#include <algorithm>
#include <string>
#include <vector>

#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

using pubsub::Kind;

// Events are named "+switch-master" or "-sdown".
bool NamesEvent(const std::string& name) {
  return !name.empty() && (name[0] == '+' || name[0] == '-' || name[0] == '*');
}

bool ListensToNews(Node& node, Session& session) {
  if (!session.subscribed()) return false;
  for (const Kind kind : {Kind::kChannel, Kind::kPattern}) {
    const std::vector<std::string> names = node.exchange().NamesOf(session, kind);
    if (std::any_of(names.begin(), names.end(), NamesEvent)) return true;
  }
  return false;
}

}  // namespace

void SendClientsAway(Node& node) {
  std::vector<ClientId> clients;
  node.clients().ForEach([&](Session& session) {
    const auto kind = session.state().client_class.load(std::memory_order_relaxed);
    if (kind == commands::ClientClass::kNormal) clients.push_back(session.state().id);
  });
  for (const ClientId client : clients) {
    node.clients().RunOn(client, [&node](Session& session) {
      net::Connection& connection = session.connection();
      if (connection.closing() || ListensToNews(node, session)) return;
      connection.worker().Close(connection);
    });
  }
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

namespace henge::server {

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("[::ffff:127.");
}

bool IsAllowed(ProtectedAction who, const commands::ClientState& client) {
  if (who != ProtectedAction::kLocal) return who == ProtectedAction::kYes;
  return client.unix_socket || IsLoopback(client.address);
}

}  // namespace henge::server

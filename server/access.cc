// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

#include "base/strings.h"

namespace henge::server {

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") ||
         address.starts_with("[::ffff:127.");
}

bool IsAllowed(ProtectedAction who, const commands::ClientState& client) {
  if (who != ProtectedAction::kLocal) return who == ProtectedAction::kYes;
  return client.unix_socket || IsLoopback(client.address);
}

std::string RefuseProtected(std::string_view command, const Settings& settings,
                            const commands::ClientState& client) {
  command = command.substr(0, command.find('|'));
  const bool debug = command == "debug";
  const auto& who = debug ? settings.enable_debug_command : settings.enable_module_command;
  if (IsAllowed(who.load(), client)) return {};
  return "ERR " + ToUpper(command) + " command not allowed. If the enable-" + std::string(command) +
         "-command option is set to \"local\", you can run it from a local connection, otherwise "
         "you need to set this option in the configuration file, and then restart the server.";
}

bool GetsStreamAlone(const commands::ClientState& client) {
  return client.monitor.load(std::memory_order_relaxed) ||
         client.client_class.load(std::memory_order_relaxed) == commands::ClientClass::kReplica;
}

}  // namespace henge::server

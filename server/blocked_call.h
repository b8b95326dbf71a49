// SPDX-License-Identifier: Apache-2.0
// BlockedCall: a command that waits for keys, with all that another thread needs to run it again on
// its client's behalf. Fixed from the start, except what is named below; shared by the client's
// session and the queues it stands in (store/wait.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/blocking.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "net/worker.h"
#include "store/wait.h"

namespace henge::server {

class BlockedCall final : public store::Waiter {
 public:
  // `ctx` is the call that can't be answered yet.
  BlockedCall(const commands::CommandContext& ctx, commands::KeyWait wait, net::Worker& worker);

  const commands::CommandSpec& spec() const { return *info_->spec; }
  const commands::CommandInfo& info() const { return *info_; }
  std::span<const std::string_view> argv() const { return argv_; }
  // The arguments behind the name (and container).
  std::span<const std::string_view> arguments() const {
    return argv().subspan(info_->container == nullptr ? 1 : 2);
  }
  std::span<const store::Key> keys() const { return keys_; }  // All of the call.
  // Those it does not wait for: whoever serves it must hold their shards.
  std::span<const store::Key> targets() const { return targets_; }
  ClientId client() const { return client_; }
  net::Worker& worker() const { return worker_; }
  int64_t timeout_ms() const { return timeout_ms_; }
  int protocol() const { return protocol_; }
  bool silent() const { return silent_; }  // CLIENT REPLY OFF or SKIP: no one wants the reply.
  // Makes `state` what handlers, the slow log and MONITOR may know of the client.
  void Impersonate(commands::ClientState& state) const;

  // Time spent in the command so far (base/clock.h). The claimer's, or the client's worker's once
  // it is done.
  uint64_t ticks = 0;

 private:
  const ClientId client_;
  net::Worker& worker_;
  const int64_t timeout_ms_;
  const int protocol_;
  const bool silent_;
  const bool no_touch_;
  std::string address_, local_address_, name_, user_;
  std::vector<std::string> args_;
  std::vector<std::string_view> argv_;  // Of args_.
  const commands::CommandInfo* info_;
  std::vector<store::Key> keys_;  // Views into args_.
  std::vector<store::Key> targets_;
};

}  // namespace henge::server

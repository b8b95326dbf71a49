// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <latch>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

bool Shutdown::Request(ShutdownRequest request) {
  const std::lock_guard lock(mu_);
  if (request_) return false;
  request_ = std::move(request);
  under_way_.store(true);
  requested_.notify_all();
  return true;
}

int Shutdown::Wait() {
  while (true) {
    ShutdownRequest request;
    {
      std::unique_lock lock(mu_);
      requested_.wait(lock, [this] { return request_.has_value(); });
      request = *request_;
    }
    if (request.exit_code == 0) {
      LogNotice("User requested shutdown...", {{"reason", request.reason}});
    }
    if (Prepare(request)) return request.exit_code;
    LogError("Error trying to save the DB, can't exit.");
    node_.services().clients().Unpause();
    {
      const std::lock_guard lock(mu_);
      request_.reset();
      under_way_.store(false);
    }
    if (!request.client) continue;
    node_.clients().RunOn(*request.client, [](Session& session) { session.Unblock(false); });
  }
}

bool Shutdown::Prepare(const ShutdownRequest& request) {
  const bool asked = (request.wishes & kShutdownSave) != 0;
  const bool usual = node_.saver().has_save_points() && (request.wishes & kShutdownNoSave) == 0;
  if (request.exit_code != 0 || node_.loader().loading() || !(asked || usual)) return true;
  return Save() || (request.wishes & kShutdownForce) != 0;
}

bool Shutdown::Save() {
  HoldClients();
  LogNotice("Saving the final RDB snapshot before exiting.");
  return node_.saver().SaveAndWait().ok();
}

// What is acknowledged after the snapshot would be lost.
void Shutdown::HoldClients() {
  node_.services().clients().Pause(commands::ClientsService::PauseMode::kAll,
                                   std::numeric_limits<UnixMillis>::max());
  // Those already past the gate finish.
  std::latch passed(static_cast<std::ptrdiff_t>(node_.workers().size()));
  for (const auto& worker : node_.workers()) worker->Post([&passed] { passed.count_down(); });
  passed.wait();
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
#include "server/blocked_call.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace henge::server {

using commands::ClientState;

BlockedCall::BlockedCall(const commands::CommandContext& ctx, commands::KeyWait wait,
                         net::Worker& worker)
    : Waiter(ctx.keyspace.db(), wait.keys, wait.type, wait.wakes_without_key),
      client_(ctx.client.id),
      worker_(worker),
      timeout_ms_(wait.timeout_ms),
      protocol_(ctx.reply.protocol()),
      silent_(ctx.client.reply_mode != commands::ReplyMode::kOn),
      no_touch_(ctx.client.no_touch.load(std::memory_order_relaxed)),
      address_(ctx.client.address),
      local_address_(ctx.client.local_address),
      args_(std::move(wait.argv)) {
  {
    const std::lock_guard lock(ctx.client.mu);
    name_ = ctx.client.name;
    user_ = ctx.client.user;
  }
  if (args_.empty()) args_.assign(ctx.argv.begin(), ctx.argv.end());
  argv_.assign(args_.begin(), args_.end());
  info_ = commands::CommandTable::Get().Resolve(argv_).info;
  std::vector<commands::KeyPosition> positions;
  commands::FindKeys(*info_->spec, argv_, positions);
  for (const auto& [index, flags] : positions) {
    keys_.push_back(store::Key::Of(argv_[static_cast<size_t>(index)]));
    const bool waited_for = std::any_of(places().begin(), places().end(), [&](const auto& place) {
      return place.name == keys_.back().bytes;
    });
    if (!waited_for) targets_.push_back(keys_.back());
  }
}

void BlockedCall::Impersonate(ClientState& state) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  state.id = client_;
  state.address = address_;
  state.local_address = local_address_;
  state.name = name_;
  state.user = user_;
  state.db.store(db(), kRelaxed);
  state.protocol.store(protocol_, kRelaxed);
  state.no_touch.store(no_touch_, kRelaxed);
}

}  // namespace henge::server

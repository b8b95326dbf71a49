// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/effect_applier.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "commands/context.h"
#include "server/node.h"
#include "store/unheard.h"

namespace henge::server {

EffectApplier::EffectApplier(Node& node, const store::LockSet* held)
    : node_(node), held_(held), writer_(replies_) {}

absl::Status EffectApplier::Apply(std::span<const std::string_view> command) {
  const auto [info, unknown_subcommand] = commands::CommandTable::Get().Resolve(command);
  if (info == nullptr || unknown_subcommand || info->spec->handler == nullptr) {
    return absl::UnimplementedError(fmt::format("Unknown command '{}'", command[0]));
  }
  const commands::CommandSpec& spec = *info->spec;
  const auto count = static_cast<int>(command.size());
  if ((spec.arity > 0 && count != spec.arity) || count < -spec.arity) {
    return absl::InvalidArgumentError(
        fmt::format("wrong number of arguments for '{}'", info->full_name));
  }
  positions_.clear();
  keys_.clear();
  store::LockSet own(node_.store());
  bool incomplete = (spec.flags & (commands::kLocksAll | commands::kLocksQueued)) != 0;
  if (commands::FindKeys(spec, command, positions_)) {
    for (const auto& [index, flags] : positions_) {
      keys_.push_back(store::Key::Of(command[static_cast<size_t>(index)]));
      if (held_ == nullptr) own.Add(keys_.back().slot);
      incomplete = incomplete || (flags & commands::kIncomplete) != 0;
    }
  }
  if (held_ == nullptr) {
    if (incomplete) own.AddAll();
    if ((spec.flags & commands::kWalks) == 0) own.Lock();
  }
  store::Unheard unheard;
  store::Keyspace keyspace(node_.store(), held_ == nullptr ? own : *held_, unheard,
                           client_.db.load(std::memory_order_relaxed), SystemClock().NowMillis());
  keyspace.set_sees_expired(true);
  commands::ArgReader args(command.subspan(info->container == nullptr ? 1 : 2), keys_);
  commands::CommandContext context{client_, writer_, keyspace, node_.services(), spec, command};
  context.in_exec = true;  // Nobody waits here.
  const uint64_t errors = writer_.errors();
  spec.handler(context, args);
  replies_.Clear();
  if (writer_.errors() == errors) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("'{}' was refused: {}", info->full_name, writer_.last_error_code()));
}

}  // namespace henge::server

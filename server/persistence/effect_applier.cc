// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/effect_applier.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "commands/context.h"
#include "server/node.h"

namespace henge::server {

EffectApplier::EffectApplier(Node& node, const store::LockSet* held, store::EffectSink* sink)
    : node_(node), held_(held), sink_(sink == nullptr ? unheard_ : *sink), writer_(replies_) {}

absl::StatusOr<EffectApplier::Call> EffectApplier::Prepare(
    std::span<const std::string_view> command, std::vector<store::Key>& keys) {
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
  constexpr uint32_t kAll =
      commands::kLocksAll | commands::kLocksQueued | commands::kWalks | commands::kRunsScript;
  Call call{.info = info, .words = command, .touches_all = (spec.flags & kAll) != 0};
  if (info->simple_single_key && command.size() > 1) {
    keys.push_back(store::Key::Of(command[1]));
    return call;
  }
  positions_.clear();
  if (commands::FindKeys(spec, command, positions_)) {
    for (const auto& [index, flags] : positions_) {
      keys.push_back(store::Key::Of(command[static_cast<size_t>(index)]));
      call.touches_all = call.touches_all || (flags & commands::kIncomplete) != 0;
    }
  }
  return call;
}

absl::Status EffectApplier::Run(const Call& call) {
  const commands::CommandSpec& spec = *call.info->spec;
  store::LockSet own(node_.store());
  if (held_ == nullptr) {
    for (const store::Key& key : call.keys) own.Add(key.slot);
    if (call.touches_all) own.AddAll();
    if ((spec.flags & commands::kWalks) == 0) own.Lock();
  }
  store::Keyspace keyspace(node_.store(), held_ == nullptr ? own : *held_, sink_, call.db,
                           SystemClock().NowMillis());
  keyspace.set_sees_expired(true);
  client_.db.store(call.db, std::memory_order_relaxed);
  commands::ArgReader args(call.words.subspan(call.info->container == nullptr ? 1 : 2), call.keys);
  commands::CommandContext context{client_, writer_,    keyspace, node_.services(),
                                   spec,    call.words, true};  // Nobody waits here.
  const uint64_t errors = writer_.errors();
  spec.handler(context, args);
  replies_.Clear();
  if (writer_.errors() == errors) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("'{}' was refused: {}", call.info->full_name, writer_.last_error_code()));
}

absl::Status EffectApplier::Apply(std::span<const std::string_view> command) {
  keys_.clear();
  absl::StatusOr<Call> call = Prepare(command, keys_);
  if (!call.ok()) return call.status();
  call->keys = keys_;
  call->db = client_.db.load(std::memory_order_relaxed);
  return Run(*call);
}

}  // namespace henge::server

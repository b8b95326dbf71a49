// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/effect_applier.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "commands/context.h"
#include "commands/scripting/engine.h"
#include "commands/scripting/script_run.h"
#include "server/node.h"

namespace henge::server {
namespace {

thread_local EffectApplier* running = nullptr;

}  // namespace

EffectApplier* EffectApplier::Running() { return running; }

EffectApplier::~EffectApplier() = default;

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
  client_.db.store(call.db, std::memory_order_relaxed);
  const uint64_t errors = writer_.errors();
  EffectApplier* const outer = std::exchange(running, this);
  locked_ = held_ == nullptr ? &own : held_;
  Execute(call, *locked_, writer_);
  locked_ = nullptr;
  running = outer;
  replies_.Clear();
  if (writer_.errors() == errors) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("'{}' was refused: {}", call.info->full_name, writer_.last_error_code()));
}

void EffectApplier::Execute(const Call& call, const store::LockSet& locks,
                            proto::ReplyWriter& reply) {
  const UnixMillis now = now_ != 0 ? now_ : SystemClock().NowMillis();
  store::Keyspace keyspace(node_.store(), locks, sink_, call.db, now);
  keyspace.set_sees_expired(true);
  commands::ArgReader args(call.words.subspan(call.info->container == nullptr ? 1 : 2), call.keys);
  commands::CommandContext context{client_,          reply,      keyspace, node_.services(),
                                   *call.info->spec, call.words, true};  // Nobody waits here.
  call.info->spec->handler(context, args);
}

commands::scripting::Engine& EffectApplier::script_engine() {
  if (script_engine_ == nullptr) {
    script_engine_ = std::make_unique<commands::scripting::Engine>(node_.services().scripting());
  }
  return *script_engine_;
}

// Every shard is locked: the script's own command says so.
std::string_view EffectApplier::RunScripted(commands::scripting::ScriptRun& run,
                                            std::span<const std::string_view> command,
                                            proto::ReplyWriter& reply) {
  scripted_keys_.clear();
  absl::StatusOr<Call> call = Prepare(command, scripted_keys_);
  if (!call.ok()) {
    scripted_refusal_ = "ERR " + std::string(call.status().message());
    return scripted_refusal_;
  }
  const uint32_t flags = call->info->spec->flags;
  if ((flags & (commands::kNoScript | commands::kRunsScript)) != 0) {
    return "ERR This Redis command is not allowed from script";
  }
  if (run.read_only && (flags & (commands::kWrite | commands::kMayReplicate)) != 0) {
    return "ERR Write commands are not allowed from read-only scripts.";
  }
  call->keys = scripted_keys_;
  call->db = client_.db.load(std::memory_order_relaxed);
  Execute(*call, *locked_, reply);
  return {};
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

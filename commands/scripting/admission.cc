// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/admission.h"

#include <fmt/format.h>

#include <string>

#include "base/crc16.h"
#include "cluster/api.h"
#include "commands/scripting/engine.h"

namespace henge::commands::scripting {
namespace {

constexpr std::string_view kNoClusterSet =
    "ERR Can not run script on cluster, 'no-cluster' flag is set.";
constexpr std::string_view kWritesReadOnly =
    "ERR Can not execute a script with write flag using *_ro command.";
constexpr std::string_view kShortOfMemory =
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";

// Where a script that says it writes is to be called instead; empty: here, or nobody knows.
std::string MovedTo(CommandContext& ctx, const Interpreter::Arguments& arguments) {
  const cluster::ClusterView* view = ctx.services.cluster();
  if (view == nullptr || arguments.keys.empty()) return {};
  const Slot slot = KeySlot(arguments.keys.front());
  if (!view->IsFollowed(slot)) return {};
  const auto owner = view->OwnerOf(slot);
  if (owner == nullptr) return {};
  return fmt::format("MOVED {} {}:{}", slot, cluster::EndpointOf(*owner, view->endpoint_type()),
                     owner->port);
}

// Why a script that says what it does may not run now.
std::string Refusal(CommandContext& ctx, uint32_t flags, bool called_read_only,
                    const Interpreter::Arguments& arguments) {
  ScriptHost& host = ctx.services.scripting();
  if ((flags & kNoCluster) != 0 && ctx.services.cluster() != nullptr) {
    return std::string(kNoClusterSet);
  }
  if ((flags & kNoWrites) == 0) {
    if (std::string moved = MovedTo(ctx, arguments); !moved.empty()) return moved;
    if (std::string refused = host.WritesRefused(); !refused.empty()) return refused;
    if (called_read_only) return std::string(kWritesReadOnly);
  }
  if ((flags & (kAllowOom | kNoWrites)) == 0 && host.OutOfMemory(ctx.client)) {
    return std::string(kShortOfMemory);
  }
  return {};
}

}  // namespace

std::optional<Interpreter::Arguments> ReadScriptArguments(CommandContext& ctx, ArgReader& args,
                                                          std::string_view not_a_number) {
  const int64_t count = args.IntegerOr(not_a_number);
  const auto left = static_cast<int64_t>(args.left());
  if (count > left) {
    args.Fail("ERR Number of keys can't be greater than number of args");
  } else if (count < 0) {
    args.Fail("ERR Number of keys can't be negative");
  }
  if (!args.ok()) {
    ctx.reply.Error(args.error());
    return std::nullopt;
  }
  const auto rest = args.all().subspan(args.position());
  const auto keys = static_cast<size_t>(count);
  return Interpreter::Arguments{rest.first(keys), rest.subspan(keys)};
}

ScriptRun* ScriptOf(CommandContext& ctx) {
  if (!ctx.in_exec) return nullptr;
  Engine* engine = ctx.services.scripting().EngineOf(ctx.client);
  if (engine == nullptr) return nullptr;
  ScriptRun* run = engine->scripts.running();
  return run != nullptr ? run : engine->functions.running();
}

bool Admit(ScriptRun& run, uint32_t flags, const Interpreter::Arguments& arguments) {
  CommandContext& ctx = run.ctx;
  const bool called_read_only = (ctx.spec.flags & kReadonly) != 0;
  const bool flagged = (flags & kNoFlags) == 0;
  if (flagged) {
    if (const std::string refusal = Refusal(ctx, flags, called_read_only, arguments);
        !refusal.empty()) {
      ctx.reply.Error(refusal);
      return false;
    }
  }
  run.read_only = called_read_only || (flags & kNoWrites) != 0;
  run.allow_oom = (flags & kAllowOom) != 0;
  run.allow_cross_slot = !flagged || (flags & kAllowCrossSlotKeys) != 0;
  return true;
}

}  // namespace henge::commands::scripting

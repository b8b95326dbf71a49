// SPDX-License-Identifier: Apache-2.0
// OBJECT: how a value is kept and when it was last used. None of it counts as a use.
#include <limits>

#include "commands/context.h"
#include "commands/keyspace/handlers.h"
#include "store/access_clock.h"

namespace henge::commands {
namespace {

constexpr std::string_view kIdleUnderLfu =
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
    "switching between policies at runtime LRU and LFU data will take some time to adjust.";
constexpr std::string_view kFreqUnderLru =
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
    "when switching between policies at runtime LRU and LFU data will take some time to adjust.";

constexpr int64_t kSharedIntegers = 10'000;  // Redis's, from zero.

bool LfuSelected(CommandContext& ctx) {
  return store::IsLfu(ctx.keyspace.store().settings().policy.load(std::memory_order_relaxed));
}

}  // namespace

void ObjectEncoding(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Peek(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Bulk(store::EncodingName(entry->encoding()));
}

void ObjectFreq(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Peek(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  if (!LfuSelected(ctx)) return ctx.reply.Error(kFreqUnderLru);
  ctx.reply.Integer(
      store::LfuFrequency(ctx.keyspace.store().settings(), entry->access(), ctx.keyspace.now()));
}

void ObjectIdleTime(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Peek(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  if (LfuSelected(ctx)) return ctx.reply.Error(kIdleUnderLfu);
  ctx.reply.Integer(static_cast<int64_t>(store::IdleSeconds(entry->access(), ctx.keyspace.now())));
}

void ObjectRefCount(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Peek(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  // Values are not shared here; of small integers Redis's answer is given, which says that they are
  // unless the clock of each counts for eviction.
  const auto& settings = ctx.keyspace.store().settings();
  const auto policy = settings.policy.load(std::memory_order_relaxed);
  const bool own_clock = settings.max_memory.load(std::memory_order_relaxed) != 0 &&
                         (store::IsLru(policy) || store::IsLfu(policy));
  const bool small = entry->type() == store::Type::kString && entry->is_integer() &&
                     entry->integer() >= 0 && entry->integer() < kSharedIntegers;
  ctx.reply.Integer(small && !own_clock ? std::numeric_limits<int32_t>::max() : 1);
}

void ObjectHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    How the value is laid out in memory.",
      "FREQ <key>",
      "    The logarithmic counter of the key's uses, kept under an LFU policy.",
      "IDLETIME <key>",
      "    Seconds since the key was last used, kept unless an LFU policy is set.",
      "REFCOUNT <key>",
      "    How many references hold the value.",
      "HELP",
      "    Prints this help.",
  };
  ctx.reply.Array(std::size(kLines));
  for (const std::string_view line : kLines) ctx.reply.Simple(line);
}

}  // namespace henge::commands

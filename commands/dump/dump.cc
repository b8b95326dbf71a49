// SPDX-License-Identifier: Apache-2.0
// DUMP and RESTORE.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "commands/context.h"
#include "commands/dump/handlers.h"
#include "commands/services.h"
#include "persistence/api.h"
#include "store/access_clock.h"

namespace henge::commands {
namespace {

constexpr int64_t kMaxFrequency = 255;

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  std::optional<uint64_t> idle_seconds;
  std::optional<uint8_t> frequency;
};

RestoreOptions ReadOptions(ArgReader& args) {
  RestoreOptions options;
  while (args.ok() && !args.empty()) {
    if (args.Accept("REPLACE")) {
      options.replace = true;
    } else if (args.Accept("ABSTTL")) {
      options.absolute = true;
    } else if (!options.frequency && args.left() >= 2 && args.Accept("IDLETIME")) {
      const int64_t idle = args.Integer();
      if (idle < 0) args.Fail("ERR Invalid IDLETIME value, must be >= 0");
      options.idle_seconds = static_cast<uint64_t>(idle);
    } else if (!options.idle_seconds && args.left() >= 2 && args.Accept("FREQ")) {
      const int64_t frequency = args.Integer();
      if (frequency < 0 || frequency > kMaxFrequency) {
        args.Fail("ERR Invalid FREQ value, must be >= 0 and <= 255");
      }
      options.frequency = static_cast<uint8_t>(frequency);
    } else {
      args.FailSyntax();
    }
  }
  return options;
}

// The absolute deadline; none where the argument is wrong, which is answered.
std::optional<UnixMillis> ReadDeadline(CommandContext& ctx, std::string_view ttl, bool absolute) {
  ArgReader reader(std::span(&ttl, 1), {});
  const int64_t millis = reader.Integer();
  if (millis < 0) reader.Fail("ERR Invalid TTL value, must be >= 0");
  if (!reader.ok()) {
    ctx.reply.Error(reader.error());
    return std::nullopt;
  }
  if (millis == 0) return kNoExpiry;
  if (absolute) return millis;
  return millis + std::min(ctx.keyspace.now(), std::numeric_limits<int64_t>::max() - millis);
}

// What the journal says of a call whose deadline was relative.
void TellAbsolute(CommandContext& ctx, UnixMillis at) {
  if (!ctx.effects.wanted()) return;
  const std::string deadline = std::to_string(at);
  std::vector<std::string_view> words(ctx.argv.begin(), ctx.argv.end());
  words[2] = deadline;
  words.push_back("ABSTTL");
  ctx.effects.Instead(words);
}

}  // namespace

void Dump(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Read(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  const CommandSettings& settings = ctx.services.settings();
  ctx.reply.Bulk(persistence::DumpPayload(
      *entry, {.version = static_cast<int>(settings.rdb_version.load(std::memory_order_relaxed)),
               .compress = settings.rdb_compression.load(std::memory_order_relaxed)}));
}

void Restore(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view ttl = args.Next();
  const std::string_view payload = args.Next();
  const RestoreOptions options = ReadOptions(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const bool present = ctx.keyspace.Find(key) != nullptr;
  if (present && !options.replace) return ctx.reply.Error(errors::kBusyKey);
  const auto at = ReadDeadline(ctx, ttl, options.absolute);
  if (!at) return;

  const bool trusted =
      ctx.services.control().debug().skip_checksums.load(std::memory_order_relaxed);
  const auto value = persistence::Unseal(payload, /*check_sum=*/!trusted);
  if (!value) return ctx.reply.Error(errors::kDumpSeal);
  store::Store& store = ctx.keyspace.store();
  auto entry = persistence::LoadUnsealed(*value, key.bytes, *at, store.settings().encodings);
  if (!entry.ok()) {
    LogWarning("Bad payload for RESTORE",
               {{"key", key.bytes}, {"error", Std(entry.status().message())}});
    return ctx.reply.Error(errors::kDumpFormat);
  }

  if (*at != kNoExpiry && *at <= ctx.keyspace.visible_now()) {
    if (present) ctx.keyspace.Delete(key, store::events::kDel);
    ctx.effects.InsteadGone(key.bytes, ctx.services.settings().lazyfree_server_del.load());
    return ctx.reply.Ok();
  }
  (*entry)->set_access(store::GivenAccess(store.settings(), ctx.keyspace.now(),
                                          options.idle_seconds, options.frequency));
  ctx.keyspace.Put(key, *std::move(entry), store::events::kRestore);
  if (*at != kNoExpiry && !options.absolute) TellAbsolute(ctx, *at);
  ctx.reply.Ok();
}

}  // namespace henge::commands

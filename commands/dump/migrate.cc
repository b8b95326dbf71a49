// SPDX-License-Identifier: Apache-2.0
// MIGRATE: what it asks for, and the values as they are now. The rest is Services::MoveKeys's.
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/dump/handlers.h"
#include "commands/dump/key_move.h"
#include "commands/services.h"
#include "persistence/api.h"

namespace henge::commands {
namespace {

constexpr size_t kKey = 3;  // Arguments of the whole call.
constexpr size_t kOptions = 6;
constexpr int64_t kDefaultTimeoutMs = 1000;
constexpr std::string_view kKeyAndKeys =
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";

struct MigrateCall {
  KeyMove move;
  std::span<const std::string_view> keys;
  std::string_view error;
};

// Reads one option at `i`; the index behind it.
size_t ReadOption(CommandContext& ctx, size_t i, MigrateCall& call) {
  const std::span<const std::string_view> argv = ctx.argv;
  const std::string_view word = argv[i];
  const size_t more = argv.size() - i - 1;
  KeyMove& move = call.move;
  if (EqualsIgnoreCase(word, "COPY")) {
    move.copy = true;
  } else if (EqualsIgnoreCase(word, "REPLACE")) {
    move.replace = true;
  } else if (EqualsIgnoreCase(word, "AUTH") && more >= 1) {
    move.password = argv[++i];
    ctx.Redact(i);
  } else if (EqualsIgnoreCase(word, "AUTH2") && more >= 2) {
    move.user = argv[++i];
    ctx.Redact(i);
    move.password = argv[++i];
    ctx.Redact(i);
  } else if (EqualsIgnoreCase(word, "KEYS")) {
    if (!argv[kKey].empty()) call.error = kKeyAndKeys;
    call.keys = argv.subspan(i + 1);
    return argv.size();
  } else {
    call.error = errors::kSyntax;
  }
  return i + 1;
}

MigrateCall ReadCall(CommandContext& ctx) {
  MigrateCall call;
  call.keys = ctx.argv.subspan(kKey, 1);
  for (size_t i = kOptions; i < ctx.argv.size() && call.error.empty();) {
    i = ReadOption(ctx, i, call);
  }
  return call;
}

KeyMove::Key Take(const store::Entry& entry, const CommandSettings& settings) {
  const persistence::RdbOptions form = {
      .version = static_cast<int>(settings.rdb_version.load(std::memory_order_relaxed)),
      .compress = settings.rdb_compression.load(std::memory_order_relaxed)};
  return {.name = std::string(entry.key()),
          .payload = persistence::DumpPayload(entry, form),
          .expiry = entry.expiry()};
}

}  // namespace

std::optional<KeyMove::Key> TakeForMove(store::Keyspace& keyspace, std::string_view name,
                                        const CommandSettings& settings) {
  const store::Entry* entry = keyspace.Peek(store::Key::Of(name));
  if (entry == nullptr) return std::nullopt;
  return Take(*entry, settings);
}

// As Redis finds them: without options among the keys, and none at all where the call is wrong.
void RefineMigrateKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
  size_t first = kKey;
  size_t end = kKey + 1;
  for (size_t i = kOptions; i < argv.size(); ++i) {
    if (EqualsIgnoreCase(argv[i], "KEYS")) {
      first = i + 1;
      end = argv[kKey].empty() ? argv.size() : first;
      break;
    }
    if (EqualsIgnoreCase(argv[i], "AUTH")) i += 1;
    if (EqualsIgnoreCase(argv[i], "AUTH2")) i += 2;
  }
  found.clear();
  for (size_t i = first; i < end; ++i) {
    found.push_back({static_cast<int>(i), kRW | kAccess | kDelete});
  }
}

void Migrate(CommandContext& ctx, ArgReader& args) {
  MigrateCall call = ReadCall(ctx);
  if (!call.error.empty()) return ctx.reply.Error(call.error);
  ArgReader numbers(ctx.argv.subspan(4, 2), {});
  call.move.db = numbers.Integer();
  call.move.timeout_ms = numbers.Integer();
  if (!numbers.ok()) return ctx.reply.Error(numbers.error());
  if (call.move.timeout_ms <= 0) call.move.timeout_ms = kDefaultTimeoutMs;
  if (ctx.in_exec) {
    return ctx.reply.Error("ERR MIGRATE can't wait for its target within a transaction or script");
  }
  call.move.host = args.Next();
  call.move.port = args.Next();
  std::set<std::string_view> seen;
  for (const std::string_view name : call.keys) {
    if (!seen.insert(name).second) continue;
    const store::Entry* entry = ctx.keyspace.Read(store::Key::Of(name));
    if (entry != nullptr) call.move.keys.push_back(Take(*entry, ctx.services.settings()));
  }
  if (call.move.keys.empty()) return ctx.reply.Simple("NOKEY");
  ctx.services.MoveKeys(ctx, std::move(call.move));
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// How EXEC runs its queue. A command in it may park the client (Services::Block): the locks, of
// which it holds no shard's, and the worker go, and what follows in the queue runs when that wait
// is over, as a part of its own:
//
//   EXEC ── commands … ── one parks ┄┄ others are served ┄┄ its reply ── what is left ── next
//   command
//
// What is left is kept in the client's `queue` meanwhile, and is dropped with the connection.
#include <utility>

#include "base/clock.h"
#include "commands/errors.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

using commands::CommandContext;
using commands::CommandInfo;
using commands::QueuedCommand;

namespace {

// EXEC's row, as it is called for what it has left.
struct RestOfExec {
  RestOfExec() : info(*commands::CommandTable::Get().Find("exec")), spec(*info.spec) {
    spec.handler = [](CommandContext& ctx, commands::ArgReader&) {
      Session::Of(ctx.client).set_exec_parked(false);
      std::vector<QueuedCommand> rest = std::exchange(ctx.client.queue, {});
      for (QueuedCommand& command : rest) ctx.services.RunQueued(ctx, command);
    };
    info.spec = &spec;
  }
  CommandInfo info;
  commands::CommandSpec spec;
};

}  // namespace

std::vector<std::string_view> Dispatcher::Shown(const CommandContext& context) {
  std::vector<std::string_view> shown(context.argv.begin(), context.argv.end());
  for (size_t i = 0; context.redacted != 0 && i < shown.size(); ++i)
    if (context.IsRedacted(i)) shown[i] = "(redacted)";
  return shown;
}

void Dispatcher::RunQueued(CommandContext& exec, QueuedCommand& command) {
  commands::ClientState& client = exec.client;
  if (client.blocked.load(std::memory_order_relaxed)) {
    client.queue.push_back(std::move(command));
    return;
  }
  const std::vector<std::string_view> argv(command.args.begin(), command.args.end());
  std::vector<store::Key> keys;
  const Prepared p = Prepare(argv, keys);
  store::Keyspace keyspace = exec.keyspace.InDatabase(client.db.load(std::memory_order_relaxed));
  const std::span<const std::string_view> all(argv);
  commands::ArgReader args(all.subspan(p.info->container == nullptr ? 1 : 2), keys);
  CommandContext context{client, exec.reply, keyspace, exec.services, *command.spec, argv, true};
  context.effects = commands::CallEffects(effects_.wanted());
  const uint64_t changes_before = effects_.changes();
  const uint64_t start = Ticks();
  const uint64_t errors_before = exec.reply.errors();
  const auto mark = exec.reply.buffer().GetMark();
  const bool script = (command.spec->flags & commands::kRunsScript) != 0;
  if (script && node_.monitors().active()) NoteForMonitors(client, 0, argv);
  command.spec->handler(context, args);
  if (client.blocked.load(std::memory_order_relaxed)) {
    Session::Of(client).set_exec_parked(true);
  }
  TrackReads(client, *command.spec, keys);
  if ((effects_.changes() != changes_before || context.effects.always()) && !script) {
    effects_.EndCall({.db = keyspace.db(),
                      .argv = argv,
                      .keys = keys,
                      .words_go = true,
                      .names_not_all = p.names_not_all},
                     context.effects);
  }
  if (client.reply_mode == commands::ReplyMode::kOff &&
      (command.spec->flags & commands::kRepliesByPush) == 0) {
    exec.reply.buffer().TruncateTo(mark);
  }
  if (node_.monitors().active()) NoteForMonitors(client, command.spec->flags, Shown(context));
  const bool failed = exec.reply.errors() != errors_before;
  Account({client, *p.info, Ticks() - start, failed, failed ? exec.reply.last_error_code() : ""},
          [&] { return Shown(context); });
}

bool Dispatcher::GoOnWithExec(Session& session) {
  static const RestOfExec rest;
  static constexpr std::string_view kArgv[] = {"exec"};
  commands::ClientState& client = session.state();
  now_ = SystemClock().NowMillis();
  if (Paused(client, rest.spec) || !node_.journaling().has_room()) return false;
  lease_clock_ = 0;
  last_ticks_ = Ticks();
  wire_ = {};
  proto::ReplyBuffer& out = session.reply().buffer();
  const auto mark = out.GetMark();
  const size_t left = client.queue.size();
  executing_ = &session;
  Call(session, {.info = &rest.info}, kArgv);
  session.TakeMessages();
  executing_ = nullptr;
  if (session.exec_parked() && !client.blocked.load(std::memory_order_relaxed)) {
    // Refused as a whole: each of them is.
    session.set_exec_parked(false);
    const std::string error(out.Since(mark));
    if (left == 0) out.TruncateTo(mark);
    for (size_t i = 1; i < left; ++i) out.Append(error);
  }
  if (awakener_.unsettled()) awakener_.Settle(now_);
  return true;
}

}  // namespace henge::server

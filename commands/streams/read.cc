// SPDX-License-Identifier: Apache-2.0
// XREAD: entries behind given ones, of several streams; waits for them where there are none.
#include <string>

#include "base/strings.h"
#include "commands/blocking.h"
#include "commands/scripting/admission.h"
#include "commands/streams/entry_reply.h"
#include "commands/streams/handlers.h"
#include "commands/streams/read_args.h"
#include "commands/streams/stream_args.h"

namespace henge::commands {
namespace {

using store::Stream;
using store::StreamId;

void ReadStreamsList(ArgReader& args, bool of_group, ReadArgs& call) {
  const size_t left = args.left();
  if (left % 2 != 0) {
    return args.Fail(of_group
                         ? "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an "
                           "ID or '>' must be specified."
                         : "ERR Unbalanced 'xread' list of streams: for each stream key an ID or "
                           "'$' must be specified.");
  }
  for (size_t i = 0; i < left / 2; ++i) call.keys.push_back(args.Key());
  call.ids_at = args.position() + 1;
  call.ids = args.all().subspan(args.position());
  args.Skip(left / 2);
}

}  // namespace

ReadArgs ReadReadArgs(CommandContext& ctx, ArgReader& args, bool of_group) {
  ReadArgs call;
  bool has_group = false;
  while (args.ok() && !args.empty()) {
    const size_t more = args.left() - 1;
    if (more >= 1 && args.Accept("BLOCK")) {
      if (scripting::InScript(ctx)) {
        args.Fail("ERR " + std::string(ctx.spec.name) +
                  " command is not allowed with BLOCK option from scripts");
      }
      call.timeout_ms = ReadTimeoutMillis(args, ctx.keyspace.now());
    } else if (more >= 1 && args.Accept("COUNT")) {
      call.count = static_cast<uint64_t>(std::max<int64_t>(0, args.Integer()));
    } else if (more >= 1 && args.Accept("STREAMS")) {
      ReadStreamsList(args, of_group, call);
    } else if (more >= 2 && args.Accept("GROUP")) {
      has_group = true;
      call.group = args.Next();
      call.consumer = args.Next();
      if (!of_group) {
        args.Fail(
            "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
      }
    } else if (args.Accept("NOACK")) {
      call.no_ack = true;
      if (!of_group) {
        args.Fail(
            "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
      }
    } else {
      args.FailSyntax();
    }
  }
  if (call.keys.empty()) args.FailSyntax();
  if (of_group && !has_group) args.Fail("ERR Missing GROUP option for XREADGROUP");
  return call;
}

namespace {

// The ID to read behind: of "$" the last there was; of "+" (Valkey 8, Redis 7.4) the one before the
// last entry that is there.
std::optional<StreamId> ReadBehind(std::string_view text, const Stream* stream, ArgReader& args) {
  if (text == "$" || text == "+") {
    if (stream == nullptr) return StreamId();
    if (text == "$" || stream->length() == 0) return stream->last_id();
    return stream->LastLiveId().Previous();
  }
  if (text == ">") {
    args.Fail(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
        "<consumer> option.");
  } else if (const auto id = store::ParseStreamId(text, 0)) {
    return id;
  }
  args.Fail(errors::kInvalidStreamId);
  return std::nullopt;
}

// The call as it is run again later: what "$" and "+" stood for does not change.
std::vector<std::string> Frozen(const CommandContext& ctx, const ReadArgs& call,
                                const StreamIds& behind) {
  std::vector<std::string> argv(ctx.argv.begin(), ctx.argv.end());
  for (size_t i = 0; i < behind.size(); ++i) {
    if (call.ids[i] == "$" || call.ids[i] == "+")
      argv[call.ids_at + i] = store::StreamIdText(behind[i]).view();
  }
  return argv;
}

}  // namespace

void XRead(CommandContext& ctx, ArgReader& args) {
  const ReadArgs call = ReadReadArgs(ctx, args, false);
  if (!args.ok()) return ctx.reply.Error(args.error());
  StreamIds behind;
  absl::InlinedVector<const Stream*, 4> streams;
  for (size_t i = 0; i < call.keys.size(); ++i) {
    const auto found = ctx.keyspace.ReadAs(call.keys[i], store::Type::kStream);
    if (found.other_type) return ctx.reply.Error(errors::kWrongType);
    streams.push_back(found ? &StreamOf(*found.entry) : nullptr);
    const auto id = ReadBehind(call.ids[i], streams.back(), args);
    if (!id) return ctx.reply.Error(args.error());
    behind.push_back(*id);
  }
  StreamsReply reply(ctx.reply, call.keys.size());
  for (size_t i = 0; i < streams.size(); ++i) {
    const auto from = behind[i].Next();
    if (streams[i] == nullptr || !from || streams[i]->last_id() < *from) continue;
    store::StreamReader reader(*streams[i], *from, store::kMaxStreamId);
    if (!reader.Next()) continue;
    reply.Begin(call.keys[i].bytes);
    ReplyEntriesFrom(ctx.reply, reader, call.count, streams[i]->length());
  }
  if (reply.Finish()) return;
  if (!call.timeout_ms) return ctx.reply.NullArray();
  ctx.services.BlockOnKeys(ctx, {.keys = call.keys,
                                 .type = store::Type::kStream,
                                 .timeout_ms = *call.timeout_ms,
                                 .argv = Frozen(ctx, call, behind)});
}

}  // namespace henge::commands

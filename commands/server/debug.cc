// SPDX-License-Identifier: Apache-2.0
#include "commands/server/debug.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/persistence/handlers.h"
#include "commands/server/debug_data.h"

namespace henge::commands {
namespace {

// Any number but 0, as C's atoi would read it, is on.
bool IsOn(std::string_view word) { return ParseInt64(word).value_or(0) != 0; }

void Sleep(CommandContext& ctx, ArgReader& args) {
  const double seconds = ParseDouble(args.Next()).value_or(0);
  constexpr double kLongest = 1e9;
  if (seconds > 0) {
    ctx.services.control().Stall(static_cast<int64_t>(std::min(seconds, kLongest) * 1e6));
  }
  ctx.reply.Ok();
}

// Ends the process as a bug would, so that what it tells then can be tested.
template <int Signal>
void Crash(CommandContext&, ArgReader&) {
  std::raise(Signal);
}

void SetActiveExpire(CommandContext& ctx, ArgReader& args) {
  ctx.services.control().SetActiveExpire(IsOn(args.Next()));
  ctx.reply.Ok();
}

// A switch among the debug settings.
template <std::atomic<bool> DebugSettings::* Member>
void Switch(CommandContext& ctx, ArgReader& args) {
  (ctx.services.control().debug().*Member).store(IsOn(args.Next()), std::memory_order_relaxed);
  ctx.reply.Ok();
}

void ReplyBuffer(CommandContext& ctx, ArgReader& args) {
  DebugSettings& debug = ctx.services.control().debug();
  if (args.Accept("PEAK-RESET-TIME")) {
    int64_t ms = DebugSettings::kReplyPeakResetMs;
    if (args.Accept("NEVER")) {
      ms = -1;
    } else if (!args.Accept("RESET")) {
      ms = args.Integer();
      if (!args.ok()) return ctx.reply.Error(args.error());
    }
    debug.reply_peak_reset_ms.store(ms, std::memory_order_relaxed);
  } else if (args.Accept("RESIZING")) {
    debug.reply_resizing.store(IsOn(args.Next()), std::memory_order_relaxed);
  } else {
    return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "debug"));
  }
  ctx.reply.Ok();
}

void Replicate(CommandContext& ctx, ArgReader&) {
  ctx.effects.Instead(ctx.argv.subspan(2));
  ctx.effects.Always();
  ctx.reply.Ok();
}

void AofFlushSleep(CommandContext& ctx, ArgReader& args) {
  const int64_t us = args.Integer();
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.services.control().debug().aof_flush_sleep_us.store(us);
  ctx.reply.Ok();
}

void WriteLog(CommandContext& ctx, ArgReader& args) {
  LogWarning(fmt::format("DEBUG LOG: {}", args.Next()));
  ctx.reply.Ok();
}

void Error(CommandContext& ctx, ArgReader& args) { ctx.reply.Error(args.Next()); }

void MallCtl(CommandContext& ctx, ArgReader& args) {
  const auto value = ReadAllocatorNumber(std::string(args.Next()));
  value ? ctx.reply.Integer(*value) : ctx.reply.Error("ERR Invalid argument");
}

void MallCtlStr(CommandContext& ctx, ArgReader& args) {
  const bool done = RunAllocatorAction(std::string(args.Next()));
  done ? ctx.reply.Ok() : ctx.reply.Error("ERR Invalid argument");
}

// Redis's tests say -1 before each of theirs: nothing is dropped.
void DropPackets(CommandContext& ctx, ArgReader& args) {
  const int64_t type = args.Integer();
  if (!args.ok()) return ctx.reply.Error(args.error());
  if (type == -1) return ctx.reply.Ok();
  ctx.reply.Error("ERR Henge's nodes talk gRPC: there are no packets of a type to drop");
}

// --- PROTOCOL -----------------------------------------------------------------------------------

void ReplyNumbers(CommandContext& ctx) {
  for (int i = 0; i < 3; ++i) ctx.reply.Integer(i);
}

void ReplyAttribute(CommandContext& ctx) {
  if (ctx.reply.resp3()) {
    ctx.reply.Attribute(1);
    ctx.reply.Bulk("key-popularity");
    ctx.reply.Array(2);
    ctx.reply.Bulk("key:123");
    ctx.reply.Integer(90);
  }
  ctx.reply.Bulk("Some real reply following the attribute");
}

void ReplyPush(CommandContext& ctx) {
  if (!ctx.reply.resp3()) return ctx.reply.Error("ERR RESP2 is not supported by this command");
  ctx.reply.Push(2);
  ctx.reply.Bulk("server-cpu-usage");
  ctx.reply.Integer(42);
  // A push is no reply, so one follows.
  ctx.reply.Bulk("Some real reply following the push reply");
}

void ReplyMap(CommandContext& ctx) {
  ctx.reply.Map(3);
  for (int i = 0; i < 3; ++i) {
    ctx.reply.Integer(i);
    ctx.reply.Bool(i == 1);
  }
}

struct Specimen {
  std::string_view type;
  void (*write)(CommandContext&);
};
constexpr Specimen kSpecimens[] = {
    {"string", [](CommandContext& ctx) { ctx.reply.Bulk("Hello World"); }},
    {"integer", [](CommandContext& ctx) { ctx.reply.Integer(12345); }},
    {"double", [](CommandContext& ctx) { ctx.reply.Double(3.141); }},
    {"bignum",
     [](CommandContext& ctx) { ctx.reply.BigNumber("1234567999999999999999999999999999999"); }},
    {"null", [](CommandContext& ctx) { ctx.reply.Null(); }},
    {"array", [](CommandContext& ctx) { ctx.reply.Array(3), ReplyNumbers(ctx); }},
    {"set", [](CommandContext& ctx) { ctx.reply.Set(3), ReplyNumbers(ctx); }},
    {"map", ReplyMap},
    {"attrib", ReplyAttribute},
    {"push", ReplyPush},
    {"verbatim",
     [](CommandContext& ctx) { ctx.reply.Verbatim("txt", "This is a verbatim\nstring"); }},
    {"true", [](CommandContext& ctx) { ctx.reply.Bool(true); }},
    {"false", [](CommandContext& ctx) { ctx.reply.Bool(false); }},
};

void Protocol(CommandContext& ctx, ArgReader& args) {
  const std::string_view wanted = args.Next();
  for (const Specimen& specimen : kSpecimens) {
    if (EqualsIgnoreCase(wanted, specimen.type)) return specimen.write(ctx);
  }
  ctx.reply.Error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

void Help(CommandContext& ctx, ArgReader& args);

// --- The subcommands ----------------------------------------------------------------------------

struct Subcommand {
  std::string_view name;
  size_t least;  // Arguments behind the name.
  size_t most;
  void (*run)(CommandContext&, ArgReader&);
};
constexpr size_t kAnyNumber = SIZE_MAX;
constexpr Subcommand kSubcommands[] = {
    {"help", 0, 0, Help},
    {"sleep", 1, 1, Sleep},
    {"reload", 0, kAnyNumber, DebugReload},
    {"loadaof", 0, 0, DebugLoadAof},
    {"aof-flush-sleep", 1, 1, AofFlushSleep},
    {"segfault", 0, 0, Crash<SIGSEGV>},
    {"panic", 0, 0, Crash<SIGABRT>},
    {"assert", 0, 0, Crash<SIGABRT>},
    {"replicate", 1, kAnyNumber, Replicate},
    {"set-active-expire", 1, 1, SetActiveExpire},
    {"object", 1, 1, DebugObject},
    {"listpack", 1, 1, DebugListpack},
    {"quicklist", 1, 2, DebugQuicklist},
    {"quicklist-packed-threshold", 1, 1, DebugPackedThreshold},
    {"htstats", 1, kAnyNumber, DebugHtStats},
    {"htstats-key", 1, kAnyNumber, DebugHtStatsKey},
    {"digest", 0, 0, DebugDigest},
    {"digest-value", 0, kAnyNumber, DebugDigestValue},
    {"populate", 1, 3, DebugPopulate},
    {"log", 1, 1, WriteLog},
    {"drop-cluster-packet-filter", 1, 1, DropPackets},
    {"error", 1, 1, Error},
    {"protocol", 1, 1, Protocol},
    {"replybuffer", 2, 2, ReplyBuffer},
    {"pause-cron", 1, 1, Switch<&DebugSettings::pause_cron>},
    {"dict-resizing", 1, 1, Switch<&DebugSettings::dict_resizing>},
    {"set-skip-checksum-validation", 1, 1, Switch<&DebugSettings::skip_checksums>},
    {"set-disable-deny-scripts", 1, 1, Switch<&DebugSettings::scripts_run_all>},
    {"mallctl", 1, 1, MallCtl},
    {"mallctl-str", 2, 2, MallCtlStr},
};

void Help(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "AOF-FLUSH-SLEEP <microseconds>",
      "    Wait that long before each write of the append-only file.",
      "ASSERT",
      "    Crash as by a failed assertion.",
      "DICT-RESIZING <0|1>",
      "    Accepted for compatibility: tables here grow by themselves, a little at a time.",
      "DIGEST",
      "    Show a fingerprint of all data.",
      "DIGEST-VALUE <key> [<key> ...]",
      "    Show a fingerprint of each key's value.",
      "DROP-CLUSTER-PACKET-FILTER -1",
      "    Accepted for compatibility: nothing is dropped.",
      "ERROR <string>",
      "    Reply with that error.",
      "HTSTATS <dbid> [full]",
      "    Show the size of a database's tables.",
      "HTSTATS-KEY <key> [full]",
      "    Show the size of the table that holds a key's value.",
      "LISTPACK <key>",
      "    Write the elements of a listpack to the server's log.",
      "LOADAOF",
      "    Empty all databases and load the append-only file again.",
      "LOG <message>",
      "    Write a line to the server's log.",
      "MALLCTL <name>",
      "    Show one of the allocator's numbers.",
      "MALLCTL-STR <name> VOID",
      "    Have the allocator do something.",
      "OBJECT <key>",
      "    Show how a key's value is kept.",
      "PANIC",
      "    Crash as after an impossible event.",
      "PAUSE-CRON <0|1>",
      "    Stop what the server does at intervals, or go on.",
      "POPULATE <count> [<prefix>] [<size>]",
      "    Make <count> strings named <prefix>:<number>.",
      "PROTOCOL <type>",
      "    Reply with a specimen of a type: string, integer, double, bignum, null, array, set, "
      "map,",
      "    attrib, push, verbatim, true, false.",
      "QUICKLIST <key> [<0|1>]",
      "    Write the shape of a quicklist to the server's log.",
      "QUICKLIST-PACKED-THRESHOLD <size>",
      "    Set from which size on an element of a list is kept by itself; 0 for 1gb.",
      "REPLICATE <command> [<arg> ...]",
      "    Send that to the replicas, and to the append-only file, without running it.",
      "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|milliseconds>",
      "    Set for how long a client's largest reply is remembered.",
      "REPLYBUFFER RESIZING <0|1>",
      "    Whether CLIENT LIST shows reply buffers by that largest reply.",
      "SEGFAULT",
      "    Crash as by a wild access to memory.",
      "SET-ACTIVE-EXPIRE <0|1>",
      "    Whether keys expire also when nobody touches them.",
      "SET-DISABLE-DENY-SCRIPTS <0|1>",
      "    Whether scripts may run commands that are denied to them.",
      "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
      "    Whether RDB files and payloads are loaded without looking at their checksums.",
      "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
      "    Save the data set to its file and load it again. NOSAVE loads what is there, NOFLUSH "
      "keeps",
      "    the present keys, MERGE lets those of the file replace them.",
      "SLEEP <seconds>",
      "    Stop the whole server for that long.",
  };
  ReplyHelp(ctx, "debug", kLines);
}

}  // namespace

void Debug(CommandContext& ctx, ArgReader& args) {
  const std::string_view name = args.Next();
  for (const Subcommand& subcommand : kSubcommands) {
    if (!EqualsIgnoreCase(name, subcommand.name)) continue;
    if (args.left() < subcommand.least || args.left() > subcommand.most) break;
    return subcommand.run(ctx, args);
  }
  ctx.reply.Error(errors::SubcommandSyntax(name, "debug"));
}

}  // namespace henge::commands

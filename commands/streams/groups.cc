// SPDX-License-Identifier: Apache-2.0
// XGROUP: makes and drops consumer groups and consumers.
#include <memory>
#include <utility>

#include "base/strings.h"
#include "commands/help.h"
#include "commands/streams/handlers.h"
#include "commands/streams/stream_args.h"
#include "commands/streams/stream_events.h"

namespace henge::commands {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::Stream;
using store::StreamId;
using IfAbsent = store::Keyspace::IfAbsent;
using Modified = store::Keyspace::Modified;

constexpr size_t kInlineFreeEffort = 64;
constexpr std::string_view kNoKey =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to "
    "use the MKSTREAM option to create an empty stream automatically.";

// Each option once, name and container included; more is a mistake, of which Redis tells last.
constexpr size_t kMostCreateArguments = 8;
constexpr size_t kMostSetIdArguments = 7;

struct GroupOptions {
  bool make_stream = false;
  int64_t entries_read = ConsumerGroup::kUnknown;
};

GroupOptions ReadGroupOptions(const CommandContext& ctx, ArgReader& args, bool of_create) {
  GroupOptions options;
  while (args.ok() && !args.empty()) {
    if (of_create && args.Accept("MKSTREAM")) {
      options.make_stream = true;
    } else if (args.left() >= 2 && args.Accept("ENTRIESREAD")) {
      options.entries_read = args.Integer();
      if (options.entries_read < ConsumerGroup::kUnknown) {
        args.Fail("ERR value for ENTRIESREAD must be positive or -1");
      }
    } else {
      args.Fail(errors::SubcommandSyntax(ctx.argv[1], "XGROUP"));
    }
  }
  return options;
}

// Runs `change(stream, group)` on a group that is there, and replies with the error where it isn't.
// Returns whether it ran.
template <class F>
bool ModifyGroup(CommandContext& ctx, const store::Key& key, std::string_view name,
                 const store::Event& event, F change) {
  bool found = false;
  const auto modify = [&](store::Entry& entry) {
    Stream& stream = StreamOf(entry);
    ConsumerGroup* group = stream.FindGroup(name);
    found = group != nullptr;
    return found && change(stream, *group);
  };
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, IfAbsent::kLeave, event, modify);
  if (modified == Modified::kOtherType) {
    ctx.reply.Error(errors::kWrongType);
  } else if (modified == Modified::kAbsent) {
    ctx.reply.Error(kNoKey);
  } else if (!found) {
    ctx.reply.Error(NoGroupInKey(key.bytes, name));
  }
  return modified == Modified::kDone && found;
}

}  // namespace

void XGroupCreate(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const size_t id_at = args.position();
  args.Skip();
  const GroupOptions options = ReadGroupOptions(ctx, args, true);
  if (!args.ok()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.FindAs(key, store::Type::kStream);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found && !options.make_stream) return ctx.reply.Error(kNoKey);
  if (ctx.argv.size() > kMostCreateArguments) {
    return ctx.reply.Error(errors::SubcommandSyntax(ctx.argv[1], "XGROUP"));
  }
  ArgReader id_reader(args.all().subspan(id_at, 1), {});
  const bool from_now = id_reader.Peek() == "$";
  const StreamId id = from_now ? StreamId() : ReadStreamId(id_reader);
  if (!id_reader.ok()) return ctx.reply.Error(id_reader.error());

  store::Event event = stream_events::kGroupCreate;
  event.touches = !found;
  bool created = false;
  ctx.keyspace.Modify(
      key, store::Type::kStream, IfAbsent::kCreate, event, [&](store::Entry& entry) {
        Stream& stream = StreamOf(entry);
        created = stream.FindGroup(name) == nullptr;
        if (!created) return false;
        stream.AddGroup(name, from_now ? stream.last_id() : id, options.entries_read);
        return true;
      });
  if (!created) return ctx.reply.Error("BUSYGROUP Consumer Group name already exists");
  ctx.reply.Ok();
}

void XGroupSetId(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const size_t id_at = args.position();
  args.Skip();
  const GroupOptions options = ReadGroupOptions(ctx, args, false);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ArgReader id_reader(args.all().subspan(id_at, 1), {});
  const bool done = ModifyGroup(
      ctx, key, name, stream_events::kGroupSetId, [&](Stream& stream, ConsumerGroup& group) {
        const StreamId id =
            id_reader.Peek() == "$" ? stream.last_id() : ReadStreamIdOrEdge(id_reader);
        if (ctx.argv.size() > kMostSetIdArguments) {
          id_reader.Fail(errors::SubcommandSyntax(ctx.argv[1], "XGROUP"));
        }
        if (!id_reader.ok()) return false;
        group.last_id = id;
        group.entries_read = options.entries_read;
        return true;
      });
  if (!done) return;
  if (!id_reader.ok()) return ctx.reply.Error(id_reader.error());
  ctx.reply.Ok();
}

void XGroupDestroy(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  std::shared_ptr<ConsumerGroup> destroyed;
  const Modified modified =
      ctx.keyspace.Modify(key, store::Type::kStream, IfAbsent::kLeave, stream_events::kGroupDestroy,
                          [&](store::Entry& entry) {
                            Stream& stream = StreamOf(entry);
                            ConsumerGroup* group = stream.FindGroup(name);
                            if (group != nullptr) destroyed = stream.RemoveGroup(*group);
                            return destroyed != nullptr;
                          });
  if (modified == Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  if (modified == Modified::kAbsent) return ctx.reply.Error(kNoKey);
  ctx.reply.Integer(destroyed ? 1 : 0);
  if (destroyed && destroyed->FreeEffort() > kInlineFreeEffort) {
    ctx.keyspace.store().reclaimer().Submit([group = std::move(destroyed)] {}, 0);
  }
}

void XGroupCreateConsumer(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const std::string_view consumer = args.Next();
  bool created = false;
  const bool done = ModifyGroup(ctx, key, name, stream_events::kCreateConsumer,
                                [&](Stream&, ConsumerGroup& group) {
                                  created = group.FindConsumer(consumer) == nullptr;
                                  if (created) group.AddConsumer(consumer, ctx.keyspace.now());
                                  return created;
                                });
  if (done) ctx.reply.Integer(created ? 1 : 0);
}

void XGroupDelConsumer(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view name = args.Next();
  const std::string_view wanted = args.Next();
  size_t pending = 0;
  std::shared_ptr<void> garbage;
  const bool done = ModifyGroup(ctx, key, name, stream_events::kDeleteConsumer,
                                [&](Stream&, ConsumerGroup& group) {
                                  Consumer* consumer = group.FindConsumer(wanted);
                                  if (consumer == nullptr) return false;
                                  pending = consumer->pending.size();
                                  garbage = group.RemoveConsumer(*consumer);
                                  return true;
                                });
  if (!done) return;
  ctx.reply.Integer(static_cast<int64_t>(pending));
  constexpr size_t kInlinePending = 10'000;  // Some forty allocations.
  if (pending > kInlinePending) {
    ctx.keyspace.store().reclaimer().Submit([garbage = std::move(garbage)] {}, 0);
  }
}

void XGroupHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "CREATE <key> <groupname> <id|$> [option]",
      "    Makes a group that has everything up to the ID behind it. Options:",
      "    * MKSTREAM",
      "      Makes an empty stream where there is none.",
      "    * ENTRIESREAD entries_read",
      "      How many entries the group has read so far.",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Makes a consumer in the group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Drops the consumer, and what is pending for it.",
      "DESTROY <key> <groupname>",
      "    Drops the group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Sets up to where the group has read, and how many entries that is.",
  };
  ReplyHelp(ctx, "xgroup", kLines);
}

}  // namespace henge::commands

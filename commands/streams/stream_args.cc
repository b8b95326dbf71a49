// SPDX-License-Identifier: Apache-2.0
#include "commands/streams/stream_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace henge::commands {
namespace {

using store::ParseStreamId;
using store::StreamId;

constexpr size_t kInlineFreeBlocks = 64;

StreamId Parse(std::string_view text, uint64_t missing_seq, ArgReader& args) {
  if (!args.ok()) return {};
  if (const auto id = ParseStreamId(text, missing_seq)) return *id;
  args.Fail(errors::kInvalidStreamId);
  return {};
}

StreamId ParseOrEdge(std::string_view text, uint64_t missing_seq, ArgReader& args) {
  if (text == "-") return store::kMinStreamId;
  if (text == "+") return store::kMaxStreamId;
  return Parse(text, missing_seq, args);
}

bool IsExclusive(std::string_view text) { return text.size() > 1 && text[0] == '('; }

}  // namespace

// --- IDs ----------------------------------------------------------------------------------------

StreamId ReadStreamId(ArgReader& args) { return Parse(args.Next(), 0, args); }

StreamId ReadStreamIdOrEdge(ArgReader& args) { return ParseOrEdge(args.Next(), 0, args); }

StreamIds ReadStreamIds(ArgReader& args) {
  StreamIds ids;
  while (args.ok() && !args.empty()) ids.push_back(ReadStreamId(args));
  return ids;
}

StreamId ReadIntervalStart(ArgReader& args) {
  const std::string_view text = args.Next();
  if (!IsExclusive(text)) return ParseOrEdge(text, 0, args);
  const StreamId id = Parse(text.substr(1), 0, args);
  if (const auto next = id.Next()) return *next;
  args.Fail("ERR invalid start ID for the interval");
  return {};
}

StreamId ReadIntervalEnd(ArgReader& args) {
  const std::string_view text = args.Next();
  if (!IsExclusive(text)) return ParseOrEdge(text, UINT64_MAX, args);
  const StreamId id = Parse(text.substr(1), UINT64_MAX, args);
  if (const auto previous = id.Previous()) return *previous;
  args.Fail("ERR invalid end ID for the interval");
  return {};
}

// --- Trimming -----------------------------------------------------------------------------------

namespace {

void ReadThreshold(ArgReader& args, store::StreamTrim::By by, TrimArgs& options) {
  if (options.trim) {
    return args.Fail(
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  }
  store::StreamTrim& trim = options.trim.emplace();
  trim.by = by;
  if (args.left() >= 2) {
    trim.approximate = args.Peek() == "~";
    if (trim.approximate || args.Peek() == "=") args.Skip();
  }
  options.threshold_at = args.position();
  if (by == store::StreamTrim::By::kId) {
    trim.id = ReadStreamId(args);
    return;
  }
  const int64_t length = args.Integer();
  if (length < 0) args.Fail("ERR The MAXLEN argument must be >= 0.");
  trim.length = static_cast<uint64_t>(length);
}

// A hundred blocks when nothing is said, so that no call takes long.
uint64_t DefaultLimit(CommandContext& ctx) {
  constexpr int64_t kMost = 1'000'000;
  const int64_t entries = BlockLimits(ctx).max_entries;
  if (entries <= 0) return 10'000;
  return static_cast<uint64_t>(entries > kMost / 100 ? kMost : 100 * entries);
}

// Who must be obeyed (a leader) has said exactly what is to go.
}  // namespace

void SettleLimit(CommandContext& ctx, ArgReader& args, TrimArgs& options) {
  if (!args.ok()) return;
  if (options.limit > 0 && !options.trim) {
    return args.Fail(
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  }
  const bool obeys =
      ctx.client.client_class.load(std::memory_order_relaxed) == ClientClass::kMaster;
  if (obeys) return;
  const bool approximate = options.trim && options.trim->approximate;
  if (options.limit_at && !approximate) {
    return args.Fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
  }
  if (!approximate) return;
  options.trim->limit = options.limit_at ? static_cast<uint64_t>(options.limit) : DefaultLimit(ctx);
}

TrimArgs ReadTrimArgs(CommandContext& ctx, ArgReader& args, bool of_xadd) {
  TrimArgs options;
  while (args.ok() && !args.empty()) {
    const bool more = args.left() >= 2;
    if (of_xadd && args.Peek() == "*") break;
    if (more && args.Accept("MAXLEN")) {
      ReadThreshold(args, store::StreamTrim::By::kLength, options);
    } else if (more && args.Accept("MINID")) {
      ReadThreshold(args, store::StreamTrim::By::kId, options);
    } else if (more && args.Accept("LIMIT")) {
      options.limit_at = args.position() - 1;
      options.limit = args.Integer();
      if (options.limit < 0) args.Fail("ERR The LIMIT argument must be >= 0.");
    } else if (of_xadd && args.Accept("NOMKSTREAM")) {
      options.no_create = true;
    } else if (of_xadd) {
      break;
    } else {
      args.FailSyntax();
    }
  }
  if (args.ok() && !of_xadd && !options.trim && options.limit == 0) {
    args.Fail("ERR syntax error, XTRIM must be called with a trimming strategy");
  }
  if (!of_xadd) SettleLimit(ctx, args, options);
  return options;
}

std::vector<std::string_view> ExactTrim(const CommandContext& ctx, const TrimArgs& options,
                                        std::string_view threshold) {
  std::vector<std::string_view> words(ctx.argv.begin(), ctx.argv.end());
  if (!options.trim || !options.trim->approximate) return words;
  constexpr size_t kName = 1;  // args.all() begins behind it.
  words[options.threshold_at + kName] = threshold;
  words[options.threshold_at + kName - 1] = "=";
  if (options.limit_at) {  // It goes with "~" only.
    const auto at = words.begin() + static_cast<ptrdiff_t>(*options.limit_at + kName);
    words.erase(at, at + 2);
  }
  return words;
}

std::string TrimmedTo(const store::Stream& stream, const store::StreamTrim& trim) {
  if (trim.by == store::StreamTrim::By::kLength) return std::to_string(stream.length());
  return std::string(store::StreamIdText(stream.FrontId(true)).view());
}

store::StreamBlockLimits BlockLimits(CommandContext& ctx) {
  const auto& limits = ctx.keyspace.store().settings().encodings;
  return {limits.stream_node_max_bytes.load(std::memory_order_relaxed),
          limits.stream_node_max_entries.load(std::memory_order_relaxed)};
}

void Dispose(CommandContext& ctx, store::StreamGarbage garbage) {
  if (garbage.blocks() <= kInlineFreeBlocks) return;
  auto shared = std::make_shared<store::StreamGarbage>(std::move(garbage));
  ctx.keyspace.store().reclaimer().Submit([shared] {}, 0);
}

std::string NoGroup(std::string_view key, std::string_view group, std::string_view rest) {
  return fmt::format("NOGROUP No such key '{}' or consumer group '{}'{}", key, group, rest);
}

std::string NoGroupInKey(std::string_view key, std::string_view group) {
  return fmt::format("NOGROUP No such consumer group '{}' for key name '{}'", group, key);
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// Arguments that several commands on streams share. All latch Redis's errors in the reader.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "store/stream/stream.h"

namespace henge::commands {

using StreamIds = absl::InlinedVector<store::StreamId, 8>;

inline store::Stream& StreamOf(const store::Entry& entry) {
  return *static_cast<store::Stream*>(entry.object());
}

// An ID as such, its number missing as zero; "-" and "+" are none.
store::StreamId ReadStreamId(ArgReader& args);
// What is left of the arguments, each an ID.
StreamIds ReadStreamIds(ArgReader& args);
// Ends of an interval: "-" and "+" too, and "(" before an ID that is not included. A missing number
// is the least or the greatest.
store::StreamId ReadIntervalStart(ArgReader& args);
store::StreamId ReadIntervalEnd(ArgReader& args);
// Accepts what ReadStreamId does and also "-" and "+", as XGROUP SETID.
store::StreamId ReadStreamIdOrEdge(ArgReader& args);

// What XADD and XTRIM have before ID and fields.
struct TrimArgs {
  std::optional<store::StreamTrim> trim;
  size_t threshold_at = 0;         // Where the number or ID of `trim` stands, in args.all().
  std::optional<size_t> limit_at;  // Where "LIMIT" stands.
  int64_t limit = 0;               // As given there.
  bool no_create = false;          // XADD's NOMKSTREAM.
};
// Up to what is none of these options: for XADD its ID; XTRIM has nothing else.
TrimArgs ReadTrimArgs(CommandContext& ctx, ArgReader& args, bool of_xadd);
// Whether LIMIT may stand where it does, and what it comes to. Once all is read: an error in XADD's
// ID comes before this one.
void SettleLimit(CommandContext& ctx, ArgReader& args, TrimArgs& options);
// Of a trim that was not exact: the call's words with what it came to in their place, so that it
// can be done again.
std::vector<std::string_view> ExactTrim(const CommandContext& ctx, const TrimArgs& options,
                                        std::string_view threshold);
// What `threshold` is then.
std::string TrimmedTo(const store::Stream& stream, const store::StreamTrim& trim);

store::StreamBlockLimits BlockLimits(CommandContext& ctx);
// Frees it, on the reclaimer's thread if it is much.
void Dispose(CommandContext& ctx, store::StreamGarbage garbage);

// "NOGROUP No such key 'k' or consumer group 'g'" and what it is followed by.
std::string NoGroup(std::string_view key, std::string_view group, std::string_view rest = {});
// "NOGROUP No such consumer group 'g' for key name 'k'"
std::string NoGroupInKey(std::string_view key, std::string_view group);

namespace errors {
inline constexpr std::string_view kInvalidStreamId =
    "ERR Invalid stream ID specified as stream command argument";
}

}  // namespace henge::commands

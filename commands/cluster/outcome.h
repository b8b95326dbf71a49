// SPDX-License-Identifier: Apache-2.0
// Replying to what the cluster decides: the client waits for it as others wait in BLPOP, and its
// worker serves everybody else meanwhile.
//
//   begin(done) ── told within the call ────────────────────> reply now
//               └─ not yet: the client is parked ── done ──> its worker replies
//
// A client that goes is not told; what was begun goes on. In a transaction EXEC is parked, and what
// is left of it runs after the reply (server/exec.cc): redis-cli repairs slots in one. Where it has
// keys locked, and in a script, nobody can be parked: it is refused before it is begun.
#pragma once

#include <absl/functional/function_ref.h>

#include <functional>
#include <string>
#include <string_view>

#include "cluster/api.h"
#include "commands/context.h"

namespace henge::commands {

struct Answer {
  bool error = false;
  std::string text;  // An error's with its code, or of a simple string.
};

// From what became of it to the reply; runs on the client's worker, without locks.
using Conclude = std::function<Answer(const absl::Status&)>;

// Whether the client may be parked: no script can be left in the middle, nor can a transaction that
// has keys locked. All shards are unlocked then, unless the call itself has locked them.
bool MayPark(CommandContext& ctx);
inline constexpr std::string_view kNotWithin =
    "ERR The nodes of a cluster can't agree within a transaction or script";

// +OK, or the error in words.
Answer OkOrError(const absl::Status& status);

// `patience_ms`: how long the client waits, 0 for ever; then, or when it is unblocked, the status
// is kCancelled.
void ReplyWhenDone(CommandContext& ctx, const cluster::ClusterView& view,
                   absl::FunctionRef<void(cluster::ProposalDone)> begin,
                   Conclude conclude = OkOrError, int64_t patience_ms = 0);

// The same for a change of the topology.
void ProposeAndReply(CommandContext& ctx, cluster::ClusterView& view, cluster::Change change,
                     Conclude conclude = OkOrError);

}  // namespace henge::commands

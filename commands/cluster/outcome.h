// SPDX-License-Identifier: Apache-2.0
// Replying to what the cluster decides: the client waits for it as others wait in BLPOP, and its
// worker serves everybody else meanwhile.
//
//   begin(done) ── told within the call ────────────────────> reply now
//               └─ not yet: the client is parked ── done ──> its worker replies
//
// A client that goes is not told; what was begun goes on. In a transaction nobody can be parked: a
// change of the topology is waited for there with the worker, for a moment, as redis-cli repairs
// slots in one; but not with keys locked, nor in a script. All else is refused there before it is
// begun.
#pragma once

#include <absl/functional/function_ref.h>

#include <functional>
#include <string>

#include "cluster/api.h"
#include "commands/context.h"

namespace henge::commands {

struct Answer {
  bool error = false;
  std::string text;  // An error's with its code, or of a simple string.
};

// From what became of it to the reply; runs on the client's worker, without locks.
using Conclude = std::function<Answer(const absl::Status&)>;

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

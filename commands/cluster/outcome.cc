// SPDX-License-Identifier: Apache-2.0
#include "commands/cluster/outcome.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "commands/scripting/admission.h"

namespace henge::commands {
namespace {

// Shared by the client's worker and the thread that tells what became of it.
class Pending {
 public:
  // Any thread.
  void Finish(const absl::Status& status) {
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      status_ = status;
      wake = std::exchange(wake_, nullptr);
    }
    if (wake) wake();
  }

  std::optional<absl::Status> status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  // The client's worker. `wake` is called when it is known, perhaps at once.
  void WakeBy(std::function<void()> wake) {
    {
      const std::lock_guard lock(mutex_);
      if (!status_) {
        wake_ = std::move(wake);
        return;
      }
    }
    wake();
  }

 private:
  mutable std::mutex mutex_;
  std::optional<absl::Status> status_;
  std::function<void()> wake_;
};

void Reply(CommandContext& ctx, const Answer& answer) {
  answer.error ? ctx.reply.Error(answer.text) : ctx.reply.Simple(answer.text);
}

void Write(BlockedReply& reply, const Answer& answer) {
  answer.error ? reply.Error(answer.text) : reply.Simple(answer.text);
}

absl::Status NotWaitedFor() {
  return absl::CancelledError("Not waited for: the cluster may still agree");
}

}  // namespace

bool MayPark(CommandContext& ctx) {
  if (!ctx.in_exec) return true;
  const store::LockSet& locks = ctx.keyspace.locks();
  for (size_t i = 0; i < ctx.keyspace.store().shards(); ++i) {
    if (locks.Holds(static_cast<ShardIndex>(i))) return false;
  }
  return scripting::ScriptOf(ctx) == nullptr;
}

Answer OkOrError(const absl::Status& status) {
  if (status.ok()) return {.text = "OK"};
  const std::string message(Std(status.message()));
  if (absl::IsUnavailable(status)) return {true, "ERR Nothing was changed: " + message};
  if (absl::IsDeadlineExceeded(status)) {
    return {true, "ERR The cluster has not agreed yet, and may still do so: " + message};
  }
  return {true, "ERR " + message};
}

void ReplyWhenDone(CommandContext& ctx, const cluster::ClusterView& view,
                   absl::FunctionRef<void(cluster::ProposalDone)> begin, Conclude conclude,
                   int64_t patience_ms) {
  const bool may_park = MayPark(ctx);
  if (!may_park && !view.DecidesAlone()) return ctx.reply.Error(kNotWithin);
  const auto pending = std::make_shared<Pending>();
  begin([pending](const absl::Status& status) { pending->Finish(status); });
  if (const auto status = pending->status()) return Reply(ctx, conclude(*status));
  if (!may_park) return Reply(ctx, conclude(NotWaitedFor()));
  pending->WakeBy(ctx.services.Block(
      ctx.client, patience_ms, [pending, conclude = std::move(conclude)](BlockedReply& reply) {
        Write(reply, conclude(pending->status().value_or(NotWaitedFor())));
      }));
}

void ProposeAndReply(CommandContext& ctx, cluster::ClusterView& view, cluster::Change change,
                     Conclude conclude) {
  ReplyWhenDone(
      ctx, view,
      [&](cluster::ProposalDone done) { view.Propose(std::move(change), std::move(done)); },
      std::move(conclude));
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
#include "server/replication/unit_intake.h"

#include <condition_variable>
#include <mutex>
#include <span>

#include "base/strings.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr size_t kAtOnce = 64 * 1024;  // Bytes that keep a worker for a millisecond or so.

}  // namespace

UnitIntake::UnitIntake(Node& node, uint64_t link)
    : node_(node), link_(link), reader_(node.parameters().proto_max_bulk_len.load()) {}

absl::Status UnitIntake::Take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kAtOnce);
    bytes.remove_prefix(part.size());
    reader_.Add(part);
    size_t count = 0;
    while (true) {
      if (batch_.size() == count) batch_.emplace_back();
      const absl::StatusOr<bool> more = reader_.Next(batch_[count]);
      if (!more.ok()) return more.status();
      if (!*more) break;
      const replication::StreamUnit& unit = batch_[count++];
      const bool single = unit.commands.size() == 1;
      asked_ = asked_ || (single && EqualsIgnoreCase(unit.words[0], "REPLCONF"));
    }
    if (count == 0) continue;
    if (absl::Status status = Apply(count); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status UnitIntake::Apply(size_t count) {
  std::mutex mu;
  std::condition_variable changed;
  bool done = false;
  absl::Status result;
  node_.workers()[0]->Post([&] {
    Dispatcher& dispatcher = *node_.dispatchers()[0];
    for (const replication::StreamUnit& unit : std::span(batch_).first(count)) {
      const UnitApplier::Outcome outcome = dispatcher.applier().Apply(unit, link_);
      if (!outcome.current) {
        result = absl::CancelledError("it is not followed any more");
        break;
      }
      if (!outcome.status.ok()) node_.replication().NoteRefused(outcome.status);
    }
    dispatcher.ServeWaiters();
    const std::lock_guard lock(mu);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mu);
  changed.wait(lock, [&] { return done; });
  return result;
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
// Replication, as a follower: what the links bring.
#include <algorithm>
#include <utility>

#include "base/background.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/file.h"
#include "persistence/rdb/file_parser.h"
#include "server/node.h"
#include "server/replication/replication.h"

namespace henge::server {
namespace {

// Whether the RDB has keys, or can't be read: then who loads it will say so.
class KeySeeker final : public persistence::RdbVisitor {
 public:
  absl::Status OnFunction(std::string_view) override { return absl::OkStatus(); }
  absl::Status OnKey(const persistence::RdbKey&) override {
    found = true;
    return absl::CancelledError("that is enough");
  }
  void OnSkipped(std::string_view) override {}
  bool found = false;
};

bool HasKeys(const std::string& path) {
  const auto contents = persistence::PosixFileSystem().Read(path);
  if (!contents.ok()) return true;
  KeySeeker seeker;
  persistence::RdbFileParser parser(seeker);
  return !parser.Parse((*contents)->bytes(), /*last=*/true).ok() || seeker.found;
}

}  // namespace

void Replication::Introduce(replication::FollowerIntroduction& me) {
  if (!node_.journaling().replicating()) return;
  const std::lock_guard lock(mu_);
  // What goes on under another name since nothing more was written has the old name, too.
  const bool as_before = own_name_ && history_.second_offset() == offset() + 1;
  me.history_id = as_before ? history_.second_id() : history_.id();
  me.next_offset = offset() + 1;
}

void Replication::Journal(std::string_view bytes,
                          std::span<const persistence::Journal::EncodedRecord> records,
                          DbIndex db) {
  node_.journaling().journal().AppendRun(bytes, records);
  stream_db_.store(db, std::memory_order_relaxed);
}

bool Replication::WouldEmpty(uint64_t link, const std::string& path,
                             std::string_view history_id) const {
  if (trusted_link_.load() == link || node_.parameters().allow_empty_leader.load()) return false;
  if (governed()) return false;  // Whose data is the group's was decided.
  {
    const std::lock_guard lock(mu_);
    if (history_id == history_.id() || history_id == history_.second_id()) return false;
  }
  uint64_t keys = 0;
  for (DbIndex db = 0; db < node_.store().databases(); ++db) keys += node_.store().KeyCount(db);
  return keys > 0 && !HasKeys(path);
}

absl::Status Replication::Load(uint64_t link, const std::string& path, std::string_view history_id,
                               int64_t offset, int64_t common) {
  const std::lock_guard only_one(load_mu_);
  const absl::Status stale = absl::CancelledError("it is not followed any more");
  if (!IsCurrent(link)) return stale;
  if (WouldEmpty(link, path, history_id)) {
    return absl::FailedPreconditionError(
        "the leader has no data and a history that is not this one's: it is not followed, as all "
        "would be lost here (allow-empty-leader yes, or REPLICAOF by hand, would)");
  }
  KeepDiscarded(common);
  held_.store(HeldData::kNothing);
  data_epoch_.store(0);
  const bool append_only = node_.journaling().enabled();
  if (append_only) {
    node_.journaling().TurnOff();
    node_.journaling().WaitUntilOff();
  }
  using Loaded = decltype(node_.loader().Replace(path));
  const auto loaded = InBackground<Loaded>([&] { return node_.loader().Replace(path); });
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    const std::lock_guard lock(mu_);
    const bool current = loaded.ok() && IsCurrent(link);
    const Lsn end = node_.journaling().journal().Cut();
    // Without the data, or with a part, this is no history that anybody knows.
    own_name_ = false;
    unique_name_ = !current;
    history_.Adopt(current ? std::string(history_id) : RandomHex(replication::History::kIdDigits));
    if (current) shift_.store(offset - static_cast<int64_t>(end));
    history_begin_.store(end);
    // Who leads a group meanwhile goes on, with what there is.
    node_.journaling().SetReplicating(current || part() == GroupPart::kLeads);
    NotePlace();
    spill_.Wake();
    DropFollowers();
    DbIndex db = 0;
    if (loaded.ok()) {
      for (const auto& [name, value] : loaded->aux) {
        if (name != "repl-stream-db") continue;
        const auto number = ParseInt64(value);
        if (number && *number >= 0 && *number < node_.store().databases()) {
          db = static_cast<DbIndex>(*number);
        }
      }
    }
    stream_db_.store(db);
  }
  node_.loader().EndReplacing();
  if (append_only) {
    if (const absl::Status status = node_.journaling().TurnOn(); !status.ok()) {
      LogWarning("The append-only file can't be begun anew", {{"error", Std(status.message())}});
    }
  }
  if (!loaded.ok()) return loaded.status();
  uint64_t trusted = link;
  trusted_link_.compare_exchange_strong(trusted, 0);
  return IsCurrent(link) ? absl::OkStatus() : stale;
}

void Replication::AdoptEpoch(uint64_t link, uint64_t epoch) {
  const std::lock_guard lock(mu_);
  if (!IsCurrent(link)) return;
  LearnEpoch(epoch);
  epoch_.store(std::max(epoch_.load(), epoch));
}

void Replication::LearnEpoch(uint64_t link, uint64_t epoch) {
  const std::lock_guard lock(mu_);
  if (IsCurrent(link)) LearnEpoch(epoch);
}

bool Replication::Continue(uint64_t link, std::string_view history_id) {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  const std::lock_guard lock(mu_);
  if (!IsCurrent(link)) return false;
  uint64_t trusted = link;
  trusted_link_.compare_exchange_strong(trusted, 0);
  own_name_ = false;
  unique_name_ = false;
  if (history_id != history_.id()) {
    history_.Rename(history_id, offset());
    DropFollowers();  // They ask again, and hear the new name.
  }
  NotePlace();
  return true;
}

std::pair<int64_t, int64_t> Replication::AppliedOffsets() const {
  const int64_t applied = offset();
  if (!node_.journaling().enabled()) return {applied, -1};
  const Lsn durable = node_.journaling().gate().at(persistence::CommitMark::kDurable);
  return {applied, durable == persistence::CommitGate::kEverything
                       ? applied
                       : std::min(applied, OffsetOf(durable))};
}

void Replication::NoteRefused(const absl::Status& status) {
  if (refused_.fetch_add(1) < 10) {
    LogWarning(
        "== CRITICAL == This replica is sending an error to its master: a command of the "
        "stream was refused",
        {{"error", Std(status.message())}});
  }
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
// Replication, as a follower: what the links bring.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/background.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/file.h"
#include "persistence/rdb/file_parser.h"
#include "server/node.h"
#include "server/replication/receiving.h"
#include "server/replication/replication.h"
#include "store/aside.h"

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

constexpr std::chrono::milliseconds kSnapshotPause(10);

DbIndex StreamDbOf(const std::vector<std::pair<std::string, std::string>>& fields,
                   DbIndex databases) {
  for (const auto& [name, value] : fields) {
    if (name != "repl-stream-db") continue;
    const auto number = ParseInt64(value);
    if (number && *number >= 0 && *number < databases) return static_cast<DbIndex>(*number);
  }
  return 0;
}

}  // namespace

void Replication::Introduce(replication::FollowerIntroduction& me) {
  if (!node_.journaling().replicating()) return;
  const std::lock_guard lock(mu_);
  // What goes on under another name since nothing more was written has the old name, too.
  const bool as_before = own_name_ && history_.second_offset() == offset() + 1;
  me.history_id = as_before ? history_.second_id() : history_.id();
  me.next_offset = offset() + 1;
  me.earlier = history_.earlier();
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
  using Loaded = absl::StatusOr<persistence::RdbLoaded>;
  DatasetLoader& loader = node_.loader();
  const bool swaps = node_.parameters().repl_diskless_load.load() == DisklessLoad::kSwapDb;
  std::unique_ptr<store::Store> aside;
  Loaded loaded = stale;
  if (swaps) {
    loaded = InBackground<Loaded>([&] { return loader.LoadAside(path, aside); });
    if (!loaded.ok()) return loaded.status();  // What is here stays, and its history.
    if (!IsCurrent(link)) return stale;
  }
  KeepDiscarded(common);
  const bool append_only = node_.journaling().enabled();
  if (append_only) {
    node_.journaling().TurnOff();
    node_.journaling().WaitUntilOff();
  }
  if (!swaps) {
    held_.store(HeldData::kNothing);
    data_epoch_.store(0);
    loaded = InBackground<Loaded>([&] { return loader.Replace(path); });
    // The node ends: what is on disk stays, and nobody is shown what is here.
    if (loader.stopped()) return loaded.ok() ? stale : loaded.status();
  }
  absl::Status status = Adopt(link, loaded, aside.get(), history_id, offset);
  if (!swaps) loader.EndReplacing();
  if (append_only) {
    if (const absl::Status on = node_.journaling().TurnOn(); !on.ok()) {
      LogWarning("The append-only file can't be begun anew", {{"error", Std(on.message())}});
    }
  }
  if (!status.ok()) return status;
  uint64_t trusted = link;
  trusted_link_.compare_exchange_strong(trusted, 0);
  return IsCurrent(link) ? absl::OkStatus() : stale;
}

// What was loaded is the data from here on, and stands there in that history. `aside`: it takes the
// place of what is here now, unless that link is not followed any more.
absl::Status Replication::Adopt(uint64_t link, const absl::StatusOr<persistence::RdbLoaded>& loaded,
                                store::Store* aside, std::string_view history_id, int64_t offset) {
  store::LockSet locks(node_.store());
  if (aside != nullptr) {
    LockUnsaved(link, locks);
  } else {
    locks.AddAll();
    locks.Lock();
  }
  absl::Status status = loaded.status();
  bool current = loaded.ok() && IsCurrent(link);
  if (aside != nullptr) {
    if (!current) return absl::CancelledError("it is not followed any more");
    held_.store(HeldData::kNothing);
    data_epoch_.store(0);
    status = node_.loader().TakeAside(locks, *aside, *loaded);
    current = status.ok();
  }
  const std::lock_guard lock(mu_);
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
  stream_db_.store(loaded.ok() ? StreamDbOf(loaded->aux, node_.store().databases()) : 0);
  return status;
}

// A snapshot's marks are of the entries that are here. Gives up waiting once another is followed.
void Replication::LockUnsaved(uint64_t link, store::LockSet& locks) const {
  while (true) {
    locks.AddAll();
    locks.Lock();
    if (!store::IsBeingSaved(node_.store()) || !IsCurrent(link)) return;
    locks.Unlock();
    std::this_thread::sleep_for(kSnapshotPause);
  }
}

bool Replication::IsOf(std::string_view history_id) const {
  const std::lock_guard lock(mu_);
  return history_.id() == history_id;
}

Receiving::Receiving(Node& node, std::string_view history_id)
    : node_(node),
      aside_(node.parameters().repl_diskless_load.load() == DisklessLoad::kSwapDb),
      known_(aside_ && node.replication().IsOf(history_id)) {
  if (aside_) node_.loader().BeginAside(known_);
}

Receiving::~Receiving() {
  if (aside_) node_.loader().EndAside(known_);
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

void Replication::Remember(uint64_t link, const std::vector<replication::EarlierName>& earlier) {
  const std::lock_guard lock(mu_);
  if (IsCurrent(link)) history_.Remember(earlier);
}

std::pair<int64_t, int64_t> Replication::AppliedOffsets() const {
  const int64_t applied = offset();
  if (!node_.journaling().enabled()) return {applied, -1};
  if (node_.journaling().is_beginning()) return {applied, 0};
  const Lsn durable = node_.journaling().gate().at(persistence::CommitMark::kDurable);
  return {applied, durable == persistence::CommitGate::kEverything
                       ? applied
                       : std::min(applied, OffsetOf(durable))};
}

void Replication::NoteRefused(const absl::Status& status) {
  node_.server_stats().unexpected_errors.fetch_add(1, std::memory_order_relaxed);
  if (refused_.fetch_add(1) < 10) {
    LogWarning(
        "== CRITICAL == This replica is sending an error to its master: a command of the "
        "stream was refused",
        {{"error", Std(status.message())}});
  }
}

}  // namespace henge::server

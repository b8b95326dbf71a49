// SPDX-License-Identifier: Apache-2.0
// Replication, in a group that a control plane governs: who leads under which epoch, and what of
// the data of a leader that lost its place is kept.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/replication/discarded_tail.h"
#include "server/replication/replication.h"

namespace henge::server {

void Replication::Govern(std::string node) {
  {
    const std::lock_guard lock(mu_);
    part_.store(GroupPart::kNobody);
    node_name_ = std::move(node);
    group_.clear();
    lease_.Set(INT64_MIN);
    UpdateRefusals();
  }
  acknowledgements_.Govern();
  acknowledgements_.BeginFollowing();
}

std::pair<std::string, std::string> Replication::names() const {
  const std::lock_guard lock(mu_);
  return {group_, node_name_};
}

bool Replication::awaits_leader() const {
  const bool plain = node_.options().in_group && !node_.options().cluster_enabled;
  return plain && part() == GroupPart::kNobody;
}

void Replication::NoteLoaded(bool found) {
  held_.store(found ? HeldData::kRecovered : HeldData::kNothing);
}

void Replication::NoteAtLeast(const SavedPosition& position) {
  epoch_.store(position.epoch);
  data_epoch_.store(position.epoch);
  LearnEpoch(position.epoch);
  recovered_at_least_.store(position.offset);
  const Lsn end = node_.journaling().journal().end();
  shift_.store(position.offset - static_cast<int64_t>(end));  // Offsets do not go back.
  LogNotice("The append-only file was not closed: it goes at least so far in its history",
            {{"epoch", position.epoch}, {"offset", position.offset}});
}

std::optional<SavedPosition> Replication::DurablePosition() const {
  if (node_.journaling().is_beginning()) return std::nullopt;  // What would be loaded is older.
  const std::lock_guard lock(mu_);
  if (!node_.journaling().enabled() || !node_.journaling().replicating()) return std::nullopt;
  return SavedPosition{.history_id = history_.id(),
                       .offset = std::max<int64_t>(0, AppliedOffsets().second),
                       .db = stream_db(),
                       .epoch = data_epoch_.load()};
}

void Replication::NoteLive() {
  const std::lock_guard lock(mu_);
  held_.store(HeldData::kLive);
  if (data_epoch_.exchange(epoch_.load()) != epoch_.load()) NotePlace();
}

void Replication::NoteLive(uint64_t link) {
  const std::lock_guard lock(mu_);
  if (!IsCurrent(link)) return;
  held_.store(HeldData::kLive);
  if (data_epoch_.exchange(epoch_.load()) != epoch_.load()) NotePlace();
}

void Replication::NotePlace() {
  if (!governed()) return;
  const bool known = node_.journaling().replicating();
  persistence::StreamPlace place;
  if (known) place = PlaceOf(history_.id(), data_epoch_.load(), offset());
  node_.journaling().places().Put(LsnOfOffset(offset()), std::move(place));
}

bool Replication::IsStill() const {
  if (!governed()) return false;
  return part() != GroupPart::kLeads || quiet_ || !lease_.Holds(SystemClock().MonotonicMicros());
}

void Replication::SetQuiet(bool quiet) {
  acknowledgements_.SetQuiet(quiet);
  const std::lock_guard lock(mu_);
  quiet_ = quiet;
  UpdateRefusals();
}

// What was told to others under this name may grow elsewhere: it goes on here under another one, by
// which nobody but this node's followers can know it.
void Replication::RenameIfKnown() {
  persistence::Journal& journal = node_.journaling().journal();
  if (!node_.journaling().replicating()) {
    history_.Adopt(RandomHex(replication::History::kIdDigits));
    history_begin_.store(journal.end());
    node_.journaling().SetReplicating(true);
    spill_.Wake();
  } else if (!unique_name_) {
    history_.Branch(offset());
    own_name_ = false;
  }
  unique_name_ = true;
}

// A group of which nothing is known here yet may be in a lower epoch than the one before.
void Replication::EnterGroup(const GroupTerm& term) {
  const bool unknown = group_.empty();  // After the start; the disk does not tell.
  if (group_ != term.group && (!unknown || epoch_.load() > term.epoch)) {
    epoch_.store(0);
    data_epoch_.store(0);
    newest_epoch_.store(0);
    held_.store(HeldData::kNothing);
  } else if (unknown) {
    newest_epoch_.store(epoch_.load());
  }
  group_ = term.group;
  LearnEpoch(term.epoch);
}

void Replication::LeadIn(const GroupTerm& term) {
  const std::lock_guard lock(mu_);
  const bool again = part() == GroupPart::kLeads && epoch_.load() == term.epoch;
  if (stopped_ || (again && group_ == term.group)) return;
  StopLink();
  link_number_.fetch_add(1);
  node_.journaling().journal().Cut();
  RenameIfKnown();
  EnterGroup(term);
  epoch_.store(term.epoch);
  NotePlace();
  DropFollowers();  // They ask again, and hear the new name and epoch.
  follows_.store(false);
  quiet_ = false;
  part_.store(GroupPart::kLeads);
  own_keys_.Clear();
  acknowledgements_.SetQuiet(false);
  acknowledgements_.BeginLeading();
  UpdateRefusals();
  LogNotice("This node leads its group",
            {{"epoch", term.epoch}, {"history", history_.id()}, {"offset", offset()}});
}

void Replication::FollowIn(const GroupTerm& term, const std::string& host, int port) {
  const std::lock_guard lock(mu_);
  if (stopped_) return;
  const bool same = part() == GroupPart::kFollows && group_ == term.group && link_ != nullptr &&
                    link_->host() == host && link_->port() == port;
  EnterGroup(term);
  if (same) return;  // A stream of an older epoch ends by itself.
  quiet_ = false;
  part_.store(GroupPart::kFollows);
  DropFollowers();
  BeginFollowing(host, port, {.failover = false, .streams_only = true});
}

void Replication::Fence() {
  const std::lock_guard lock(mu_);
  if (stopped_ || part() == GroupPart::kNobody) return;
  StopLink();
  link_number_.fetch_add(1);
  if (!follows()) EndWaits();
  follows_.store(false);
  quiet_ = false;
  part_.store(GroupPart::kNobody);
  DropFollowers();
  own_keys_.Clear();
  acknowledgements_.BeginFollowing();
  UpdateRefusals();
  LogNotice("This node has no part in a group's replication now", {{"offset", offset()}});
}

// --- What no leader has --------------------------------------------------------------------------

// REQUIRES, of both: nothing is appended meanwhile.
std::optional<DiscardedTail> Replication::TailBehind(int64_t common) const {
  const std::lock_guard lock(mu_);
  if (!governed() || !node_.journaling().replicating()) return std::nullopt;
  int64_t from = common;
  if (from < 0) {
    // The leader does not know this history: what came under this node's own name is nowhere else.
    if (!unique_name_) return std::nullopt;
    from = history_.second_offset() > 0 ? history_.second_offset() - 1
                                        : OffsetOf(history_begin_.load());
  }
  if (from >= offset()) return std::nullopt;
  return DiscardedTail{from, offset()};
}

void Replication::KeepDiscarded(int64_t common) {
  const std::optional<DiscardedTail> tail = TailBehind(common);
  if (!tail) return;
  const Lsn kept = std::max(history_begin_.load(), node_.journaling().journal().begin());
  const Lsn from = std::max(LsnOfOffset(tail->from), kept);
  const std::string path =
      fmt::format("discarded-{}-{}.aof", SystemClock().NowMillis() / 1000, OffsetOf(from));
  const auto written =
      WriteDiscardedTail(node_.journaling().journal(), from, LsnOfOffset(tail->end), path);
  if (!written.ok()) {
    LogError(
        "Writes that are not in the leader's history are lost: they can't be kept in a file",
        {{"from", tail->from}, {"end", tail->end}, {"error", Std(written.status().message())}});
    discarded_bytes_.fetch_add(static_cast<uint64_t>(tail->end - tail->from));
    return;
  }
  if (written->records == 0 && OffsetOf(from) == tail->from) return;  // No client's.
  discarded_bytes_.fetch_add(static_cast<uint64_t>(tail->end - tail->from));
  if (written->records > 0) discarded_files_.fetch_add(1);
  LogWarning("Writes that are not in the leader's history are discarded",
             {{"from", tail->from},
              {"end", tail->end},
              {"file", written->records > 0 ? path : std::string("none")},
              {"records", written->records},
              {"not_kept_bytes", OffsetOf(from) - tail->from}});
}

}  // namespace henge::server

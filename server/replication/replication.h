// SPDX-License-Identifier: Apache-2.0
// Replication: the node's part in a replica group: whom it follows, who follows it, and which
// history its data belongs to.
//
//   offset in the history = LSN + a constant, which changes when a full sync replaces the data
//
// The role and the history change while all shards are locked; what is read on the hot path is
// atomic. The mutex is a leaf: shards may be locked when it is taken, never the other way round.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "commands/services.h"
#include "persistence/journal/chunk.h"
#include "persistence/journal/journal_reader.h"
#include "persistence/load/rdb_loader.h"
#include "replication/follower_protocol.h"
#include "replication/history.h"
#include "replication/leader_end.h"
#include "server/replication/acknowledgements.h"
#include "server/replication/apply_lanes.h"
#include "server/replication/backlog_spill.h"
#include "server/replication/failover.h"
#include "server/replication/follower_feed.h"
#include "server/replication/group_part.h"
#include "server/replication/leader_link.h"
#include "server/replication/own_keys.h"
#include "server/replication/saved_position.h"
#include "server/replication/stream_leader.h"
#include "server/replication/sync_source.h"
#include "server/replication/write_lease.h"

namespace henge::server {

class Node;

class Replication final : public commands::ReplicationService {
 public:
  explicit Replication(Node& node);
  ~Replication() override;

  // REQUIRES, of both: nobody is served yet. Before data is loaded; refuses a configuration that
  // contradicts itself;
  absl::Status Prepare();
  // what was loaded stands there: followers, or this node as one, go on.
  // `expired`: what was left out of the data, and is unless it was made again: a leader tells its
  // followers.
  void Resume(const SavedPosition& position, std::span<const persistence::ExpiredKey> expired);
  // Follows whom the configuration names. REQUIRES: the workers are there.
  void Start();
  // All threads have ended afterwards. REQUIRES: the workers are still at work.
  void Stop();
  void Tick(UnixMillis now);  // Each 100 ms, on the first worker.
  void ApplyParameters();

  // --- For the gate; any thread
  // -------------------------------------------------------------------
  bool follows() const { return follows_.load(std::memory_order_relaxed); }
  // Whether clients may not write, as they would be alone with it.
  bool refuses_writes() const { return refuses_writes_.load(std::memory_order_relaxed); }
  // Whether a write would be in fewer places than min-replicas-to-write asks for.
  bool too_few_followers() const { return too_few_followers_.load(std::memory_order_relaxed); }
  // Whether what is here may be old, and is not to be shown.
  bool refuses_reads() const { return refuses_reads_.load(std::memory_order_relaxed); }

  // --- commands::ReplicationService
  // ---------------------------------------------------------------
  std::string ServeFollower(commands::ClientState& client, const SyncRequest& request) override;
  void Acknowledge(commands::ClientState& client, int64_t offset, int64_t durable_offset) override;
  bool FailsOver() override { return failover_.state() != Failover::State::kNone; }
  // REQUIRES, of both: every shard is locked.
  bool Follow(std::string_view host, int port) override;
  void FollowNobody() override;
  commands::RoleReport Role() override;
  void Acknowledge(ClientId follower, int64_t offset, int64_t durable_offset);
  std::string InviteToStream() override;
  bool Follows() override { return follows(); }
  int64_t CountFollowers(commands::ClientState& client, bool durable) override;
  void UnblockWhenReached(commands::ClientState& client, const commands::WaitGoal& goal) override;
  void Publish(std::string_view command, std::string_view channel,
               std::string_view message) override;
  int64_t KillLeaderLink() override;
  std::string Failover(const FailoverRequest& request) override;
  std::string AbortFailover() override;
  // The worker's thread, or the stream's: a follower's connection is closed.
  void OnClosed(ClientId id);

  // --- In a group that a control plane governs (ReplicatedGroup)
  // From here on it does; until it has spoken this node is nobody's. `node`: this node's name.
  // REQUIRES: nobody is served yet, nothing is loaded.
  void Govern(std::string node);
  bool governed() const { return part() != GroupPart::kFree; }
  GroupPart part() const { return part_.load(std::memory_order_relaxed); }
  // Whether it is no leader to plain clients, though it follows nobody: it is not known who leads.
  bool awaits_leader() const;
  // This node's data is the group's from here on, under that epoch. REQUIRES, of the three: every
  // shard is locked.
  void LeadIn(const GroupTerm& term);
  // Follows that leader by a stream; it waits for one of that epoch.
  void FollowIn(const GroupTerm& term, const std::string& host, int port);
  // Follows nobody, and is written to by nobody.
  void Fence();
  WriteLease& lease() { return lease_; }
  const WriteLease& lease() const { return lease_; }
  HeldData held() const { return held_.load(); }
  // What was on disk is in the store: something, or nothing.
  void NoteLoaded(bool found);
  // After a crash: what was on disk goes at least so far, under that epoch or a later one.
  void NoteAtLeast(const SavedPosition& position);
  // How far what is on disk goes at least; nothing: there is no append-only file.
  std::optional<SavedPosition> DurablePosition() const;
  int64_t recovered_at_least() const { return recovered_at_least_.load(); }
  // The last epoch of which this node had all there was: by its own lease, or by its leader.
  uint64_t data_epoch() const { return data_epoch_.load(); }
  // The data is all that the group has. Of a link: what its leader had when that was asked.
  void NoteLive();
  void NoteLive(uint64_t link);
  // While a hand-over is under way: nothing is appended but what clients write.
  void SetQuiet(bool quiet);
  uint64_t discarded_bytes() const { return discarded_bytes_.load(); }
  uint64_t discarded_files() const { return discarded_files_.load(); }
  // The group's, and this node's.
  std::pair<std::string, std::string> names() const;
  // The service by which followers come, for the cluster's bus; and where that listens.
  std::shared_ptr<grpc::Service> StreamService() { return streams_.Service(); }
  std::string streams_address() { return streams_.address(); }
  void ServeStreamsAt(int port) { streams_.ServeAt(port); }

  // --- As a leader
  // -------------------------------------------------------------------------------- The snapshot
  // that a follower may join: one that is there, or is made now.
  std::shared_ptr<SyncSource> Source(int rdb_version);
  void DropSource(const std::shared_ptr<SyncSource>& source);
  // A follower's stream between Henges, until it is over;
  absl::Status ServeStream(const replication::StreamHello& hello,
                           replication::FollowerStream& stream);
  // and the snapshot that was announced to it.
  absl::Status SendSnapshot(ClientId follower, absl::FunctionRef<bool(std::string_view)> send);
  // Those streams as clients, which they are to CLIENT LIST and KILL; `fn` is quick and does not
  // call back.
  void ForEachStream(const std::function<void(const commands::ClientState&)>& fn) const;
  // Of a follower by PSYNC, too, what is sent ends at once; but its connection is its worker's:
  // false.
  bool KillStream(ClientId id);
  // Gives what this node has of its history, which stays so meanwhile. The callee takes no lock but
  // its own.
  absl::Status Look(absl::FunctionRef<absl::Status(const replication::Holding&)> look) const;
  const BacklogSpill& spill() const { return spill_; }
  // The moment of a full sync: where it stands, and somebody who holds the journal from there on.
  // REQUIRES: every shard is locked.
  std::unique_ptr<persistence::JournalReader> BeginSync(SyncSource::Position& position);
  // What an RDB file says of the history. REQUIRES: every shard is locked.
  std::vector<std::pair<std::string, std::string>> PositionFields();

  // PSYNC … FAILOVER: this follower leads from here on. The error's text, or empty.
  std::string LeadFromHere(std::string_view history_id);
  // This leader follows its follower there, which has everything unless it is forced; false: it has
  // not, and nothing has changed. REQUIRES: every shard is locked.
  bool FollowAfterFailover(const std::string& host, int port, bool force);
  server::Failover& failover() { return failover_; }
  const server::Failover& failover() const { return failover_; }
  // Whether all followers have everything.
  bool all_caught_up() const;

  // What followers have acknowledged, and who waits for it.
  Acknowledgements& acknowledgements() { return acknowledgements_; }
  const Acknowledgements& acknowledgements() const { return acknowledgements_; }

  // --- As a follower
  // ------------------------------------------------------------------------------
  void Introduce(replication::FollowerIntroduction& me);
  ApplyLanes& lanes() { return lanes_; }
  const ApplyLanes& lanes() const { return lanes_; }
  // The database that the stream has selected where the journal ends.
  DbIndex stream_db() const { return stream_db_.load(std::memory_order_relaxed); }
  // Whether that link is the one that is followed. True holds as long as a shard is locked, or the
  // gate of moments held.
  bool IsCurrent(uint64_t link) const { return link_number_.load() == link; }
  // What was applied, and what is selected behind it. REQUIRES: the gate of moments is held.
  void Journal(std::string_view bytes, std::span<const persistence::Journal::EncodedRecord> records,
               DbIndex db);
  // The link's thread, as the rest. All data is replaced by the file's. `common`: so much of what
  // was here is in the leader's history, too; -1: that is not known.
  absl::Status Load(uint64_t link, const std::string& path, std::string_view history_id,
                    int64_t offset, int64_t common = -1);
  // Whether the history is called so.
  bool IsOf(std::string_view history_id) const;
  // The data is what a leader of that epoch says it is.
  void AdoptEpoch(uint64_t link, uint64_t epoch);
  // False: it is not followed any more.
  bool Continue(uint64_t link, std::string_view history_id);
  // What the leader's history, which is this one now, was called before.
  void Remember(uint64_t link, const std::vector<replication::EarlierName>& earlier);
  // How much of the history is applied, and on the disk; -1: there is no file. Of this link's
  // leader only if it is still followed afterwards.
  std::pair<int64_t, int64_t> AppliedOffsets() const;
  void NoteRefused(const absl::Status& status);
  OwnKeys& own_keys() { return own_keys_; }

  // --- Epochs, which only clusters give: 0 elsewhere
  // ----------------------------------------------
  replication::Epochs epochs() const { return {epoch_.load(), newest_epoch_.load()}; }
  // Somebody knows of it. Who has data of an older one serves no followers any more.
  void LearnEpoch(uint64_t epoch);
  // The leader of that link, if it is still followed.
  void LearnEpoch(uint64_t link, uint64_t epoch);

  struct FollowerReport {
    ClientId id = 0;
    std::string address;
    int port = 0;
    FollowerFeed::State state = FollowerFeed::State::kWaiting;
    int64_t offset = 0;
    int64_t lag_seconds = 0;
    bool plain = false;
    bool in_sync = false;
    std::string node;  // Its name in the cluster, if it said one.
  };
  struct Report {
    bool follows = false;
    std::string history_id;
    std::string second_id;
    int64_t offset = 0;
    int64_t second_offset = 0;
    bool backlog = false;
    int64_t backlog_begin = 0;  // Offset of the first byte kept, counted from 1 as Redis does.
    int64_t backlog_bytes = 0;
    uint64_t disk_limit = 0;  // Of the backlog.
    uint64_t disk_bytes = 0;
    std::vector<FollowerReport> followers;
    std::vector<FollowerReport> leaving;  // Gone, but the journal may keep something for them yet.
    std::string leader_host;
    int leader_port = 0;
    LinkStatus::State link = LinkStatus::State::kConnect;
    bool streams = false;  // Over gRPC.
    UnixMillis last_heard = 0;
    UnixMillis down_since = 0;
    int64_t payload_bytes = 0;
    int64_t payload_total = -1;
  };
  Report report() const;
  int64_t offset() const;
  int64_t OffsetOf(Lsn lsn) const { return static_cast<int64_t>(lsn) + shift_.load(); }
  Lsn LsnOfOffset(int64_t offset) const { return static_cast<Lsn>(offset - shift_.load()); }
  size_t followers() const;
  bool writes_snapshot() const;  // For a full sync.
  uint64_t full_syncs() const { return full_syncs_.load(); }
  uint64_t partial_syncs() const { return partial_syncs_.load(); }
  // Payloads and records that came of leaders, and went to followers, whichever the protocol.
  void CountReceived(size_t bytes) { received_.fetch_add(bytes, std::memory_order_relaxed); }
  void CountSent(size_t bytes) { sent_.fetch_add(bytes, std::memory_order_relaxed); }
  uint64_t received() const { return received_.load(std::memory_order_relaxed); }
  uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
  uint64_t partial_refusals() const { return partial_refusals_.load(); }
  void ResetCounts() {
    for (auto* count : {&full_syncs_, &partial_syncs_, &partial_refusals_}) count->store(0);
  }

 private:
  // With the mutex held, as what these decide is true no longer than that:
  replication::Holding HoldingLocked() const;
  replication::Holding PromisedLocked() const;
  void AddFollower(std::shared_ptr<FollowerFeed> feed, bool partial);
  void NotePartialRefused(const SyncRequest& request);
  // Whether the follower can go on from where it was: then its feed has its place.
  bool TryPartial(const SyncRequest& request, FollowerFeed& feed);
  // Of what a follower can still get.
  Lsn KeptFrom() const;
  std::string RefuseFollowers() const;
  absl::Status CheckName(const replication::StreamHello& hello) const;
  void BreakOthersOf(const std::string& node);
  void BeginFollowing(std::string_view host, int port, const LeaderLink::Terms& terms);
  // Whether only a leader's stream, if anything, may change what is here. REQUIRES: the mutex.
  bool IsStill() const;
  void RenameIfKnown();
  // Epochs, and what a node has of the data, are its group's.
  void EnterGroup(const GroupTerm& term);
  // What is appended from here on stands there in the history: for the append-only file.
  void NotePlace();
  std::optional<DiscardedTail> TailBehind(int64_t common) const;
  void KeepDiscarded(int64_t common);
  // Whether the file, of a leader that is not known, would leave this node without its data.
  bool WouldEmpty(uint64_t link, const std::string& path, std::string_view history_id) const;
  absl::Status Adopt(uint64_t link, const absl::StatusOr<persistence::RdbLoaded>& loaded,
                     store::Store* aside, std::string_view history_id, int64_t offset);
  void LockUnsaved(uint64_t link, store::LockSet& locks) const;
  void TellLag();
  void StopLink();
  void EndWaits();
  void DropFollowers();
  void UpdateRefusals();
  void CountGoodFollowers(UnixMillis now);
  void Reap();
  void BeginSource();
  bool WaitsForMore() const;
  void JournalExpired(std::span<const persistence::ExpiredKey> keys);
  void ForgetBacklog();
  void BreakUnfit(UnixMillis now);
  void CancelUnwanted();

  Node& node_;
  Acknowledgements acknowledgements_{node_};
  server::Failover failover_{node_};
  std::atomic<bool> follows_{false};
  std::atomic<bool> refuses_writes_{false};
  std::atomic<bool> refuses_reads_{false};
  std::atomic<bool> too_few_followers_{false};
  std::atomic<int64_t> shift_{0};      // An offset minus its LSN.
  std::atomic<Lsn> history_begin_{0};  // The journal before it is of another history.
  std::atomic<DbIndex> stream_db_{0};  // Changes with the gate of moments held.
  std::atomic<uint64_t> epoch_{0};     // Of the leader whose data this is.
  std::atomic<uint64_t> data_epoch_{0};
  std::atomic<uint64_t> newest_epoch_{0};
  WriteLease lease_;
  std::atomic<GroupPart> part_{GroupPart::kFree};
  std::atomic<HeldData> held_{HeldData::kLoading};
  std::atomic<int64_t> recovered_at_least_{0};
  std::atomic<uint64_t> discarded_bytes_{0};
  std::atomic<uint64_t> discarded_files_{0};
  std::atomic<uint64_t> link_number_{0};
  std::atomic<uint64_t> trusted_link_{0};  // Made by hand, and not up yet: whatever it has goes.
  std::atomic<uint64_t> full_syncs_{0};
  std::atomic<uint64_t> partial_syncs_{0};
  std::atomic<uint64_t> partial_refusals_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> sent_{0};
  StreamLeader streams_;
  BacklogSpill spill_{node_};
  OwnKeys own_keys_;
  ApplyLanes lanes_;
  std::mutex load_mu_;  // Held by the one who replaces the data; before all others.

  mutable std::mutex mu_;  // Of all below.
  replication::History history_;
  bool own_name_ = false;    // Given after a restart: no other node knows it yet.
  bool unique_name_ = true;  // Only this node's writes were ever told under it.
  bool quiet_ = false;
  std::string group_;  // Empty: the node's only one.
  std::string node_name_;
  std::shared_ptr<LeaderLink> link_;
  std::vector<std::shared_ptr<LeaderLink>> old_links_;  // About to end.
  std::vector<std::shared_ptr<FollowerFeed>> feeds_;
  std::vector<std::shared_ptr<FollowerFeed>> old_feeds_;
  std::shared_ptr<SyncSource> source_;
  bool source_begun_ = false;
  UnixMillis source_asked_at_ = 0;
  UnixMillis pinged_at_ = 0;
  UnixMillis alone_since_ = 0;  // Without followers; 0: there are some.
  bool stopped_ = false;
};

}  // namespace henge::server

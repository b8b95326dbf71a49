// SPDX-License-Identifier: Apache-2.0
// FollowerFeed: what goes to one follower: everything if it needs that, then the journal, on and
// on. What is the same whichever protocol it speaks; PsyncFeed and StreamFeed know the words.
//
//   a thread: SyncSource ─> follower, then JournalReader ─> follower
//
// Any thread, but for what is protected, which is the feed's own.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "commands/client_state.h"
#include "persistence/journal/journal_reader.h"
#include "replication/leader_end.h"
#include "server/replication/sync_source.h"
#include "server/replication/wake_bell.h"

namespace henge::server {

class Node;

class FollowerFeed {
 public:
  enum class State : uint8_t { kWaiting, kSending, kOnline };  // INFO's wait_bgsave, send_bulk.

  FollowerFeed(Node& node, ClientId id, const commands::FollowerTraits& traits,
               std::string address);
  virtual ~FollowerFeed();
  FollowerFeed(const FollowerFeed&) = delete;
  FollowerFeed& operator=(const FollowerFeed&) = delete;

  // The thread ends soon.
  virtual void Stop();
  // Ends the connection: the follower asks again.
  virtual void Break() = 0;
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // To be called by whoever there is more for.
  void Wake() { bell_->Ring(); }
  // What it sends begins there. False: that is not kept. REQUIRES: it has not begun.
  bool TakePlace(Lsn from);

  virtual void Acknowledge(int64_t offset, int64_t durable_offset, UnixMillis now);
  // Whether it should have said something since.
  virtual bool IsSilent(UnixMillis now, int64_t timeout_ms) const;
  // Whether more of the journal is held for it than client-output-buffer-limit allows now. One
  // thread at a time.
  bool IsOverLimit(Lsn end, UnixMillis now);

  ClientId id() const { return id_; }
  const std::string& address() const { return address_; }
  int port() const { return traits_.port; }
  // As what CLIENT LIST shows it, if it is no client's connection; else null.
  virtual const commands::ClientState* client() const { return nullptr; }
  // Its node's name in the cluster; empty: it said none.
  virtual std::string_view node() const { return {}; }
  // Whether it never acknowledges.
  virtual bool plain() const { return false; }
  State state() const { return state_.load(std::memory_order_relaxed); }
  int64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }
  int64_t acknowledged_durable() const { return durable_.load(std::memory_order_relaxed); }
  // When it last said so.
  UnixMillis heard_at() const { return heard_at_.load(std::memory_order_relaxed); }

 protected:
  static absl::Status Stopped() { return absl::CancelledError("the connection is closed"); }
  // A reader of the journal that wakes it; null if that place is not kept.
  std::unique_ptr<persistence::JournalReader> AttachReader(Lsn from);
  // Waits until there is a snapshot that has begun, and the journal from there on.
  absl::StatusOr<std::shared_ptr<SyncSource>> JoinSource();
  // Whether this snapshot is of what the node has. kAborted: no more, another one is needed.
  virtual absl::Status OnSource(const SyncSource::Position& position,
                                const replication::Holding& holding);
  // Gives all of the snapshot to `send`: while it is written, or, without repl-diskless-sync,
  // after.
  absl::Status CopySnapshot(SyncSource& source,
                            absl::FunctionRef<absl::Status(std::string_view)> send);
  // Until the feed is stopped, or the follower too far behind. REQUIRES: it has its place.
  absl::Status FollowJournal();
  // The last that its thread does: what the journal kept for it may go.
  void End();
  bool has_place() const { return reader_ != nullptr || spilled_from_.has_value(); }
  // Said now and then while nothing else can be.
  virtual absl::Status SayAlive() { return absl::OkStatus(); }
  // Bytes of the journal.
  virtual absl::Status SendJournal(Lsn lsn, std::string_view bytes) = 0;
  // Until somebody wakes it, or for so long.
  void Sleep(int64_t ms) { bell_->Wait(ms); }
  bool stopping() const { return stop_.load(); }
  void set_state(State state) { state_.store(state, std::memory_order_relaxed); }

  Node& node_;
  const ClientId id_;
  const commands::FollowerTraits traits_;
  const std::string address_;
  const std::shared_ptr<WakeBell> bell_ = std::make_shared<WakeBell>();
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::unique_ptr<persistence::JournalReader> reader_;

 private:
  // From the backlog on disk, until the journal goes on from there.
  absl::Status FollowSpill();

  std::optional<Lsn> spilled_from_;  // What is next, while it is read from the disk.
  static constexpr Lsn kNotHeld = ~Lsn{0};
  // From a thread that gives way to those who answer clients.
  absl::Status CopyWritten(SyncSource& source,
                           absl::FunctionRef<absl::Status(std::string_view)> send);

  std::atomic<State> state_{State::kWaiting};
  std::atomic<int64_t> acknowledged_{0};
  std::atomic<int64_t> durable_{0};
  std::atomic<UnixMillis> heard_at_{0};
  std::atomic<Lsn> held_from_{kNotHeld};  // What its reader has not released.
  UnixMillis over_soft_since_ = 0;        // 0: it is not.
};

}  // namespace henge::server

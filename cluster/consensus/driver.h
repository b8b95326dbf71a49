// SPDX-License-Identifier: Apache-2.0
// Driver: a Raft with its write-ahead log, a transport and a clock, on a thread of its own; what
// the rest of the node calls when something is to be agreed on.
//
//   Propose, Read, Change ──> thread: Raft ── Ready ──> Wal ──> Transport ──> ReplicatedState
//   transport's Receive  ──>
//
// Any thread may call; callbacks and ReplicatedState run on the driver's thread and must not wait
// for it. Each callback is called once: OK means committed and applied here. kDeadlineExceeded and
// kAborted mean that it may still happen, or may have happened; other errors that it has not and
// will not. A proposal is sent again by itself, to whoever leads, and applied at most once.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "cluster/consensus/raft.h"
#include "cluster/consensus/wal.h"
#include "cluster/courier.h"

namespace henge::consensus {

// What the log is for. Everything on the driver's thread.
class ReplicatedState {
 public:
  virtual ~ReplicatedState() = default;
  virtual void Apply(Index index, std::string_view command) = 0;
  // A change was committed; after each Load, who there was then.
  virtual void Members(Index index, const Membership& members) = 0;
  virtual std::string Save() = 0;
  virtual void Load(Index index, std::string_view saved) = 0;  // Empty: the beginning.
};

// Takes messages to peers, as far as they arrive at all. On the driver's thread; must not wait.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void Send(Message message) = 0;
  // Who there is and where; called at the start and with each change.
  virtual void Members(const Membership& members) = 0;
};

struct DriverOptions {
  RaftOptions raft;
  WalOptions wal;
  Membership first_members;  // Empty for a node that joins.
  std::chrono::milliseconds tick{50};
  std::chrono::milliseconds patience{5000};  // Until a request ends with kDeadlineExceeded.
  uint64_t snapshot_entries = 1000;          // Applied since the last snapshot.
  uint64_t keep_entries = 100;               // In memory behind it, for slow followers.
};

struct DriverStatus {
  Role role = Role::kFollower;
  Term term = 0;
  PeerId leader = kNobody;
  Index commit = 0;
  Index applied = 0;
  Membership members;
  std::string fault;  // Not empty: it takes no part any more.
};

class Driver {
 public:
  using Done = std::function<void(absl::Status)>;

  // Reads the disk, and applies what is known to be committed, before it returns. `torn` tells what
  // was passed over at the end of the log.
  static absl::StatusOr<std::unique_ptr<Driver>> Start(const DriverOptions& options,
                                                       persistence::FileSystem& files,
                                                       ReplicatedState& state, Transport& transport,
                                                       std::string* torn);
  ~Driver();  // Callbacks that were not called get kAborted.
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  void Receive(Message message);
  void ReportLost(PeerId peer);

  void Propose(std::string command, Done done);
  void Change(MembershipChange change, Done done);
  // Once the state here has everything that was acknowledged anywhere before this call.
  void Read(Done done);
  void Transfer(PeerId to);

  DriverStatus status() const;

 private:
  struct Request {
    EntryKind kind = EntryKind::kCommand;
    std::string command = {};
    MembershipChange change = {};
    Done done = {};
    int64_t deadline = 0;  // In ticks.
    int64_t again = 0;
  };
  struct PendingRead {
    Done done = {};
    int64_t deadline = 0;
    int64_t again = 0;
    Index index = 0;  // Not 0: waits until so much is applied.
  };

  Driver(const DriverOptions& options, ReplicatedState& state, Transport& transport,
         Wal::Opened opened);
  void Tick();
  void Enqueue(Request request);
  void SendSession();
  void SendRequest(uint64_t sequence);
  void SendRead(uint64_t context);
  void FlushSoon();
  void Flush();
  bool Perform();  // One Ready; false if the disk refused it.
  void Apply(const Committed& committed);
  void ApplyOwn(const Committed& committed);
  void Refused(const RefusedRequest& refused);
  void TakeRead(const ReadState& read);
  void ReleaseReads();
  void CompactIfLong();
  void Finish(uint64_t sequence, const absl::Status& status);
  void FailAll(const absl::Status& status);
  void Publish();

  const DriverOptions options_;
  ReplicatedState& state_;
  Transport& transport_;
  std::unique_ptr<Wal> wal_;
  std::unique_ptr<Raft> raft_;
  std::optional<Ready> writing_;  // What the disk refused, to be tried again.
  std::string fault_;
  int64_t now_ = 0;  // Ticks.
  bool flush_called_ = false;

  uint64_t session_ = 0;
  std::string nonce_;
  int64_t session_again_ = 0;
  uint64_t next_sequence_ = 1;
  std::map<uint64_t, Request> requests_;
  uint64_t next_context_ = 1;
  std::map<uint64_t, PendingRead> reads_;

  mutable std::mutex status_mutex_;
  DriverStatus status_;                        // Guarded by status_mutex_.
  std::unique_ptr<cluster::Courier> courier_;  // Last: its thread uses all of the above.
};

}  // namespace henge::consensus

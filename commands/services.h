// SPDX-License-Identifier: Apache-2.0
// What commands need of the server they run in: interfaces declared here, by the floor that calls
// them, and implemented in server/. All are thread-safe unless they say otherwise.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "commands/command_spec.h"

namespace henge::cluster {
class ClusterView;
}

namespace henge::pubsub {
class Exchange;
}

namespace henge::commands::scripting {
class ScriptHost;
}

namespace henge::commands {

struct ClientState;
struct CommandContext;
struct KeyMove;
struct KeyWait;
struct QueuedCommand;
class SentinelService;

// Numbers that handlers read on the way; CONFIG SET writes them.
struct CommandSettings {
  std::atomic<int64_t> proto_max_bulk_len{512 * 1024 * 1024};
  std::atomic<int64_t> hll_sparse_max_bytes{3000};
  std::atomic<bool> lazyfree_user_del{false};
  std::atomic<bool> lazyfree_server_del{false};  // Followers are told UNLINK, where a command
  std::atomic<bool> lazyfree_expire{false};      // deletes, a key expires,
  std::atomic<bool> lazyfree_eviction{false};    // or is evicted.
  std::atomic<bool> lazyfree_user_flush{false};
  std::atomic<bool> append_only{false};
  std::atomic<int64_t> rdb_version{11};  // Of what DUMP gives.
  std::atomic<bool> rdb_compression{true};
};

// CONFIG's view of the parameters.
class ConfigService {
 public:
  using NameValue = std::pair<std::string, std::string>;
  virtual ~ConfigService() = default;
  // Parameters whose names match any of the glob patterns.
  virtual std::vector<NameValue> Get(const std::vector<std::string>& patterns) = 0;
  // All or nothing. Returns the error's text, or empty.
  virtual std::string Set(const std::vector<NameValue>& values, const ClientState& by) = 0;
  virtual bool IsSecret(std::string_view name) = 0;  // Its value may not be shown to others.
  // Whether it is something that a node of a cluster tells the others of itself, and the telling.
  virtual bool IsAnnounced(std::string_view name) = 0;
  virtual void Announce(std::function<void(const absl::Status&)> done) = 0;
  virtual std::string Rewrite() = 0;  // The error's text, or empty.
  virtual void ResetStats() = 0;
};

// All connections of the node.
class ClientsService {
 public:
  virtual ~ClientsService() = default;
  // Calls fn for every connected client, under the registry's lock: fn must be quick and not call
  // back.
  virtual void ForEach(const std::function<void(const ClientState&)>& fn) = 0;
  // Marks the client to be closed by its worker. False if there is none of that id.
  virtual bool Kill(ClientId id) = 0;
  // Wakes a client blocked in a command: as by timeout, or with an error. False if it wasn't
  // blocked.
  virtual bool Unblock(ClientId id, bool with_error) = 0;
  enum class PauseMode : uint8_t { kWrite, kAll };
  virtual void Pause(PauseMode mode, UnixMillis until) = 0;
  virtual void Unpause() = 0;
  virtual void SetMonitor(ClientState& client, bool on) = 0;
};

struct SlowlogEntry {
  int64_t id;
  int64_t unix_seconds;
  int64_t micros;
  std::vector<std::string> args;
  std::string client_address;
  std::string client_name;
};

// Counters a histogram of a command's latencies is reported with: upper bounds in µs, counts.
struct LatencyHistogram {
  uint64_t calls = 0;
  std::vector<std::pair<uint64_t, uint64_t>> cumulative;
};

// What the latency monitor keeps of one event, oldest sample first.
struct LatencySample {
  int64_t unix_seconds = 0;
  int64_t ms = 0;
};
struct LatencySeries {
  std::string event;
  int64_t max_ms = 0;  // Ever, or since the last reset.
  std::vector<LatencySample> samples;
};
struct LatencyPicture {
  int64_t threshold_ms = 0;  // 0: the monitor is off.
  int64_t slowlog_us = 0;    // The slow log's own threshold; negative: off.
  std::vector<LatencySeries> series;
};

// Bytes that the parts of the server take beside the data; MEMORY STATS shows them.
struct ServerMemory {
  size_t startup = 0;  // In use before the first client came.
  size_t peak = 0;
  size_t clients = 0;  // How many there are.
  size_t clients_normal = 0;
  size_t clients_replicas = 0;
  size_t replication_backlog = 0;
  size_t cluster_links = 0;
  size_t aof_buffer = 0;
  size_t scripts = 0;
  size_t functions = 0;
};

class StatsService {
 public:
  virtual ~StatsService() = default;
  // INFO's text for the named sections (empty: the default ones), each once.
  virtual std::string Info(const std::vector<std::string>& sections) = 0;
  virtual std::vector<SlowlogEntry> Slowlog(int64_t count) = 0;  // Newest first; -1: all.
  virtual int64_t SlowlogLength() = 0;
  virtual void SlowlogReset() = 0;
  // By full name ("client|list"); nullopt when it never ran.
  virtual std::optional<LatencyHistogram> CommandLatency(std::string_view full_name) = 0;
  virtual LatencyPicture Latency() = 0;
  // Forgets one event (in any case), or all when the name is empty; returns how many.
  virtual int64_t LatencyReset(std::string_view event) = 0;
  virtual ServerMemory Memory() = 0;
};

// What DEBUG sets.
struct DebugSettings {
  static constexpr int64_t kReplyPeakResetMs = 5000;
  // For how long CLIENT LIST remembers a client's largest reply; negative: for ever.
  std::atomic<int64_t> reply_peak_reset_ms{kReplyPeakResetMs};
  std::atomic<bool> reply_resizing{true};
  std::atomic<bool> pause_cron{false};  // What is done at intervals rests.
  std::atomic<bool> dict_resizing{true};
  std::atomic<bool> skip_checksums{false};     // RDB files and payloads load without a check.
  std::atomic<int64_t> aof_flush_sleep_us{0};  // Before each write of the append-only file.
  std::atomic<bool> scripts_run_all{false};    // Also commands that are denied to scripts.
  // Monotonic. Until then workers sleep (DEBUG SLEEP), and so should links to other nodes.
  std::atomic<int64_t> stalled_until_us{0};
};

class ControlService {
 public:
  virtual ~ControlService() = default;
  virtual DebugSettings& debug() = 0;
  // Stops every worker, the caller's included, for that long.
  virtual void Stall(int64_t micros) = 0;
  struct ShutdownOptions {
    bool save = false;
    bool no_save = false;
    bool now = false;
    bool force = false;
  };
  // Parks the client; it hears of it only if the server can't end.
  virtual void Shutdown(ClientState& client, const ShutdownOptions& options) = 0;
  virtual bool AbortShutdown() = 0;  // False if none is under way.
  virtual void SetActiveExpire(bool on) = 0;
  // Compares a user's secret; the error's text, or empty. Sets the client's user on success.
  virtual std::string Authenticate(ClientState& client, std::string_view user,
                                   std::string_view password) = 0;
  // Whether the default user has a password, and whether there is a user of that name.
  virtual bool PasswordRequired() const = 0;
  virtual bool HasUser(std::string_view name) const = 0;
  // As on a new connection: the default user, authenticated if that needs no password.
  virtual void ResetUser(ClientState& client) = 0;
  // Runs `fn` off the data path, for freeing what is large.
  virtual void Reclaim(std::function<void()> fn) = 0;
};

// The files that keep the data.
class PersistenceService {
 public:
  virtual ~PersistenceService() = default;
  // False if a snapshot is under way; with `later` one follows then.
  virtual bool StartSave(bool later) = 0;
  // Parks the client until a snapshot is written and replies then; false as above.
  virtual bool Save(ClientState& client) = 0;
  // After FLUSHALL: the RDB file is written anew if there are save points. True if `waiting` (who
  // may be null) is parked until then; it is told OK.
  virtual bool NoteFlushAll(ClientState* waiting) = 0;
  enum class SaveCancelled : uint8_t { kRunning, kScheduled, kNothing };
  virtual SaveCancelled CancelSave() = 0;
  virtual int64_t LastSave() = 0;  // Unix seconds.
  virtual bool Rewriting() = 0;    // The append-only file.
  // Whether all that the client wrote is on the disk.
  virtual bool IsDurable(ClientState& client) = 0;
  enum class RewriteStart : uint8_t { kStarted, kScheduled, kBusy };
  virtual RewriteStart StartRewrite() = 0;
  struct ReloadOptions {
    bool save = true;
    bool flush = true;
    bool merge = false;  // Keys of the file replace those that are there.
  };
  // The data set to disk and back. REQUIRES: no shard is locked, or all are. The error's text, or
  // empty.
  virtual std::string Reload(CommandContext& ctx, const ReloadOptions& options) = 0;
  // The same with what the append-only file has.
  virtual std::string LoadAppendOnlyFile(CommandContext& ctx) = 0;
};

// How a parked command ends.
class BlockedReply {
 public:
  virtual ~BlockedReply() = default;
  virtual bool by_error()
      const = 0;  // CLIENT UNBLOCK … ERROR: the UNBLOCKED error is written for it.
  virtual void Integer(int64_t value) = 0;
  virtual void NullArray() = 0;
  virtual void Ok() = 0;
  virtual void Simple(std::string_view text) = 0;
  virtual void Error(std::string_view text) = 0;
  virtual void Integers(const std::vector<int64_t>& values) = 0;
};

// Client-side caching. The client's worker's thread.
class TrackingService {
 public:
  virtual ~TrackingService() = default;
  virtual void TurnOn(ClientState& client, uint32_t flags, ClientId redirect,
                      const std::vector<std::string>& prefixes) = 0;
  virtual void TurnOff(ClientState& client) = 0;
};

// What ROLE tells.
struct RoleReport {
  struct Follower {
    std::string address;
    int port = 0;
    int64_t offset = 0;  // Acknowledged.
  };
  bool follows = false;
  int64_t offset = 0;
  std::vector<Follower> followers;  // Of a leader; those that are online.
  std::string leader_host;          // Of a follower, as the rest.
  int leader_port = 0;
  std::string_view link;
};

// What WAIT and WAITAOF wait for.
struct WaitGoal {
  int64_t followers = 0;  // That have what the client wrote,
  bool durable = false;   // on their disks.
  bool local = false;     // And this node has, on its own.
};

// Leaders and followers.
class ReplicationService {
 public:
  virtual ~ReplicationService() = default;
  struct SyncRequest {
    bool partial = false;         // PSYNC, which knows:
    std::string_view history_id;  // "?": nothing.
    int64_t next_offset = -1;
    bool failover = false;  // This node is to lead from there on.
  };
  // The client becomes a follower's end: what goes to it from now on is no reply. The error's
  // text, or empty.
  virtual std::string ServeFollower(ClientState& client, const SyncRequest& request) = 0;
  // What a follower says it has; of its file, too, if not negative.
  virtual void Acknowledge(ClientState& client, int64_t offset, int64_t durable_offset) = 0;
  // Whether a FAILOVER is under way: who leads is not to be changed then.
  virtual bool FailsOver() = 0;
  // From now on this node follows that one. False: it does already.
  virtual bool Follow(std::string_view host, int port) = 0;
  virtual void FollowNobody() = 0;
  virtual RoleReport Role() = 0;
  // Where Henge's followers may have a stream, as REPLCONF says it: "port token"; empty: nowhere.
  virtual std::string InviteToStream() = 0;
  virtual bool Follows() = 0;
  // How many followers have what the client wrote last, in memory or on disk.
  virtual int64_t CountFollowers(ClientState& client, bool durable) = 0;
  // Ends the client's Block when the goal is reached.
  virtual void UnblockWhenReached(ClientState& client, const WaitGoal& goal) = 0;
  // A message was published here: followers' subscribers hear it, too.
  virtual void Publish(std::string_view command, std::string_view channel,
                       std::string_view message) = 0;
  // Ends the link to the leader, which is no client's connection. How many.
  virtual int64_t KillLeaderLink() = 0;
  struct FailoverRequest {
    std::string host;  // Empty: to any follower.
    int port = 0;
    bool force = false;      // After the timeout.
    int64_t timeout_ms = 0;  // 0: none.
  };
  // A follower leads as soon as it has everything, and this node follows it. The error's text, or
  // empty, as of the next.
  virtual std::string Failover(const FailoverRequest& request) = 0;
  virtual std::string AbortFailover() = 0;
};

class Services {
 public:
  virtual ~Services() = default;
  virtual const CommandSettings& settings() const = 0;
  virtual ReplicationService& replication() = 0;
  virtual ClientsService& clients() = 0;
  virtual StatsService& stats() = 0;
  virtual ControlService& control() = 0;
  virtual ConfigService& config() = 0;
  virtual PersistenceService& persistence() = 0;
  virtual scripting::ScriptHost& scripting() = 0;
  virtual cluster::ClusterView* cluster() = 0;  // Null outside cluster mode.
  virtual SentinelService* sentinel() = 0;      // Null unless of a group without shards.
  virtual pubsub::Exchange& exchange() = 0;
  virtual TrackingService& tracking() = 0;

  // Runs one queued command with the locks EXEC holds; writes its reply.
  virtual void RunQueued(CommandContext& exec, QueuedCommand& command) = 0;
  // Parks the client after this command: no reply is written now; when `timeout_ms` has passed (0:
  // never) or Unblock is called, `done` writes it. So it does when what is returned is called: by
  // any thread, at once or later; it does nothing if this wait is over, or the client gone.
  // REQUIRES: no script; in EXEC no shard is locked, and what it has left runs behind the reply.
  virtual std::function<void()> Block(ClientState& client, int64_t timeout_ms,
                                      std::function<void(BlockedReply&)> done) = 0;
  // Parks the client until its command can be served; no reply is written now. See blocking.h.
  virtual void BlockOnKeys(CommandContext& ctx, KeyWait wait) = 0;
  // Sends keys to another server, and deletes them here when that has them; no reply is written
  // now. See dump/key_move.h.
  virtual void MoveKeys(CommandContext& ctx, KeyMove move) = 0;
};

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// ClientState: what commands may know and change of the connection they serve. The session in
// server/ owns one per connection.
//
// Written by the connection's worker only. Fields that CLIENT LIST shows to others are relaxed
// atomics, or stand under `mu`.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "commands/command_spec.h"
#include "store/key.h"
#include "store/watch.h"

namespace henge::pubsub {
class Subscriber;
}

namespace henge::commands {

enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkip };

// What CLIENT LIST and KILL call TYPE, where it doesn't follow from subscriptions.
enum class ClientClass : uint8_t { kNormal, kReplica, kMaster };

// How a client tracks what it reads (CLIENT TRACKING).
enum TrackingFlag : uint32_t {
  kTracks = 1u << 0,
  kTrackBroadcast = 1u << 1,
  kTrackOptIn = 1u << 2,
  kTrackOptOut = 1u << 3,
  kTrackNoLoop = 1u << 4,
  kTrackCaching = 1u << 5,  // CLIENT CACHING was given, for the next command.
  kTrackBroken = 1u << 6,   // Whom it redirects to is gone.
};

// What a follower says of itself before it asks for the data (REPLCONF).
struct FollowerTraits {
  std::string address;        // Empty: as we see it.
  int port = 0;               // Where it listens.
  bool takes_eof = false;     // A payload that ends with a mark, as its length is not known.
  bool takes_psync2 = false;  // A history that goes on under another id.
  bool wants_keys = true;     // In the payload (rdb-filter-only);
  bool wants_functions = true;
  int rdb_version = 10;       // The newest that it reads: who says nothing may be Redis 7.0.
};

// A command waiting in MULTI: its arguments, owned.
struct QueuedCommand {
  const CommandSpec* spec;
  std::vector<std::string> args;  // With the name.
};

struct ClientState {
  // --- Identity -------------------------------------------------------------------------------
  ClientId id = 0;
  std::string address;        // "127.0.0.1:50000", or the socket's path and ":0". Fixed.
  std::string local_address;  // Fixed.
  int fd = -1;
  UnixMillis created_at = 0;
  bool unix_socket = false;

  // --- Seen by others -------------------------------------------------------------------------
  mutable std::mutex mu;  // Guards the four strings.
  std::string name;
  std::string library_name;
  std::string library_version;
  std::string user = "default";
  std::atomic<DbIndex> db{0};
  std::atomic<UnixMillis> last_interaction{0};
  std::atomic<const CommandSpec*> last_command{nullptr};
  std::atomic<const CommandSpec*> last_container{nullptr};  // Of a subcommand.
  std::atomic<int> protocol{2};
  std::atomic<bool> authenticated{true};
  std::atomic<bool> no_evict{false};
  std::atomic<bool> no_touch{false};
  std::atomic<bool> monitor{false};
  std::atomic<bool> readonly{false};  // READONLY: may read from a follower's slots.
  std::atomic<bool> blocked{false};
  std::atomic<bool> paused{false};  // Held back at the gate by CLIENT PAUSE.
  std::atomic<ClientClass> client_class{ClientClass::kNormal};
  std::atomic<int> channels{0};  // Subscriptions, by kind.
  std::atomic<int> patterns{0};
  std::atomic<int> shard_channels{0};
  std::atomic<uint32_t> tracking{0};           // TrackingFlags.
  std::atomic<ClientId> tracking_redirect{0};  // 0: to itself.
  std::atomic<bool> close_asap{false};         // Killed; the worker closes it when it comes by.
  std::atomic<bool> in_multi{false};
  std::atomic<int> queued_commands{0};
  std::atomic<int> watched_keys{0};
  std::atomic<uint64_t> query_buffer{0};
  std::atomic<uint64_t> query_buffer_free{0};
  std::atomic<uint64_t> output_buffer{0};    // Bytes pending.
  std::atomic<uint64_t> behind{0};           // What a follower has yet to get of the stream.
  std::atomic<uint64_t> reply_peak{0};       // The most that was pending at once of late,
  std::atomic<UnixMillis> reply_peak_at{0};  // and when.
  std::atomic<uint64_t> multi_bytes{0};
  std::atomic<uint64_t> total_memory{0};

  // --- The worker's alone -----------------------------------------------------------------------
  pubsub::Subscriber* subscriber = nullptr;  // Null for a shadow, which has no connection.
  std::vector<std::string> tracking_prefixes;
  std::unique_ptr<FollowerTraits> follower;  // Null: it said nothing of the kind.
  ReplyMode reply_mode = ReplyMode::kOn;
  // ASKING holds for the command that follows it: how many commands, its own included, are left.
  static constexpr uint8_t kAskingOnce = 2;
  uint8_t asking = 0;
  bool close_after_reply = false;  // QUIT, protocol errors, CLIENT KILL of oneself.

  // MULTI. `dirty_exec`: a command failed to queue, EXEC will abort.
  bool dirty_exec = false;
  // Cluster mode: the one slot of all queued keys, or one of these.
  static constexpr int kNoSlot = -1;
  static constexpr int kManySlots = -2;
  int queued_slot = kNoSlot;
  std::vector<QueuedCommand> queue;

  // WATCH: registered with the shards under (db, key).
  struct Watched {
    DbIndex db;
    std::string key;
    bool existed;  // When it was watched.
  };
  store::WatchFlag watch_flag;
  std::vector<Watched> watched;
};

}  // namespace henge::commands

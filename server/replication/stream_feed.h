// SPDX-License-Identifier: Apache-2.0
// StreamFeed: a follower that is a Henge, and is told by a gRPC stream. The thread that serves the
// call sends; one of its own reads acknowledgements. The snapshot goes by another call, while
// records go by this one.
#pragma once

#include "replication/stream_server.h"
#include "server/replication/follower_feed.h"

namespace henge::server {

class StreamFeed final : public FollowerFeed {
 public:
  StreamFeed(Node& node, ClientId id, const commands::FollowerTraits& traits, std::string address,
             replication::FollowerStream& stream);
  ~StreamFeed() override;

  // On the call's thread, until it is over. Without a reader it begins with everything.
  absl::Status Serve(std::string_view history_id,
                     std::unique_ptr<persistence::JournalReader> reader);
  // On another call's: the snapshot that this one announced.
  absl::Status SendSnapshot(absl::FunctionRef<bool(std::string_view)> send);
  void Stop() override;
  void Break() override;

 private:
  absl::Status BeginFull();
  void ReadAcknowledgements();
  absl::Status SendJournal(Lsn lsn, std::string_view bytes) override;

  std::mutex mu_;                        // Of the two below.
  replication::FollowerStream* stream_;  // Null: the call is over.
  std::shared_ptr<SyncSource> source_;
  std::atomic<int64_t> online_from_{0};  // It has the snapshot when it acknowledges this.
};

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
// StreamFeed: a follower that is a Henge, and is told by a gRPC stream. The thread that serves the
// call sends; one of its own reads acknowledgements. The snapshot goes by another call, while
// records go by this one. What is decided, LeaderEnd decides.
#pragma once

#include "replication/stream_server.h"
#include "server/replication/follower_feed.h"

namespace henge::server {

class StreamFeed final : public FollowerFeed {
 public:
  StreamFeed(Node& node, ClientId id, const commands::FollowerTraits& traits, std::string address,
             replication::FollowerStream& stream);
  ~StreamFeed() override;

  // First: what it gets. REQUIRES: the holding stays so until the feed is among the node's.
  absl::StatusOr<replication::Resync> OnHello(const replication::StreamHello& hello,
                                              const replication::Holding& holding);
  // On the call's thread, until it is over.
  absl::Status Serve();
  // On another call's: the snapshot that this one announced.
  absl::Status SendSnapshot(absl::FunctionRef<bool(std::string_view)> send);
  void Stop() override;
  void Break() override;
  const commands::ClientState* client() const override { return &client_; }
  std::string_view node() const override { return node_name_; }
  absl::Status SayAlive() override;
  bool IsSilent(UnixMillis now, int64_t timeout_ms) const override;

 private:
  absl::Status BeginFull();
  absl::Status OnSource(const SyncSource::Position& position,
                        const replication::Holding& holding) override;
  bool OnAcknowledgement(const replication::StreamAcknowledgement& said);
  void ReadAcknowledgements();
  absl::Status SendJournal(Lsn lsn, std::string_view bytes) override;

  commands::ClientState client_;
  std::string node_name_;                // Fixed by OnHello.
  mutable std::mutex mu_;                // Of all below.
  replication::FollowerStream* stream_;  // Null: the call is over.
  std::shared_ptr<SyncSource> source_;
  replication::LeaderEnd end_;
  replication::StreamPartial partial_;  // What is said first: this,
  replication::StreamFull full_;        // or that.
};

}  // namespace henge::server

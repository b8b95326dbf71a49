// SPDX-License-Identifier: Apache-2.0
#include "cluster/followed_streams.h"

#include <absl/container/flat_hash_map.h>
#include <grpcpp/grpcpp.h>

#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "henge/relay.grpc.pb.h"

namespace henge::cluster {
namespace {

constexpr size_t kBatchBytes = 128 * 1024;

InterestChunk Decode(bus::FollowRequest& request) {
  InterestChunk chunk;
  chunk.version = request.version();
  for (bus::InterestChange& change : *request.mutable_changes()) {
    const bool pattern = change.kind() == bus::PATTERN;
    chunk.changes.push_back({pattern ? TopicKind::kPattern : TopicKind::kChannel, change.wanted(),
                             std::move(*change.mutable_name())});
  }
  return chunk;
}

void Encode(const RelayBatch& batch, bus::FollowReply& reply) {
  reply.Clear();
  reply.set_acknowledged(batch.acknowledged);
  for (const RelayedMessageRef& message : batch.messages) {
    bus::RelayedMessage* wire = reply.add_messages();
    wire->set_channel(message->channel);
    wire->set_payload(message->payload);
  }
}

}  // namespace

class FollowedStreams::Service final : public bus::ClusterRelay::CallbackService {
 public:
  Service(Followers& followers, std::function<bool(const NodeId&)> is_member)
      : followers_(followers), is_member_(std::move(is_member)) {}

  grpc::ServerBidiReactor<bus::FollowRequest, bus::FollowReply>* Follow(
      grpc::CallbackServerContext* context) override;

  void Send(StreamId id);

 private:
  class Stream;
  void Add(StreamId id, std::shared_ptr<Stream> stream) {
    const std::lock_guard lock(mutex_);
    streams_[id] = std::move(stream);
  }
  void Remove(StreamId id) {
    followers_.Close(id);
    const std::lock_guard lock(mutex_);
    streams_.erase(id);
  }

  Followers& followers_;
  const std::function<bool(const NodeId&)> is_member_;
  std::mutex mutex_;
  absl::flat_hash_map<StreamId, std::shared_ptr<Stream>> streams_;  // Guarded by mutex_.
};

// A call. It holds itself until gRPC has done with it; who else holds it finds it ended then.
class FollowedStreams::Service::Stream final
    : public grpc::ServerBidiReactor<bus::FollowRequest, bus::FollowReply>,
      public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(Service& service) : service_(service) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&request_);
  }

  // Sends what waits, unless something is being sent; then that is followed by it.
  void Send() {
    const auto keep = shared_from_this();
    const std::lock_guard lock(mutex_);
    if (writing_ || ending_ || !id_) return;
    const std::optional<RelayBatch> batch = service_.followers_.Take(*id_, kBatchBytes);
    if (!batch) return EndLocked({grpc::StatusCode::ABORTED, "a newer stream follows"});
    if (batch->empty()) return;
    Encode(*batch, reply_);
    writing_ = true;
    StartWrite(&reply_);
  }

  void OnReadDone(bool ok) override {
    const auto keep = shared_from_this();
    if (!ok) return End(grpc::Status::OK);
    if (grpc::Status status = Hear(); !status.ok()) return End(std::move(status));
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      StartRead(&request_);
    }
    Send();
  }

  void OnWriteDone(bool ok) override {
    const auto keep = shared_from_this();
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (ending_) return Finish(status_);
      if (!ok) return EndLocked({grpc::StatusCode::ABORTED, "the stream is broken"});
    }
    Send();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    if (id_) service_.Remove(*id_);
    self_.reset();  // The last that happens to it.
  }

 private:
  grpc::Status Hear() {
    if (!id_) {
      const auto peer = NodeId::Parse(request_.node_id());
      if (!peer) return {grpc::StatusCode::INVALID_ARGUMENT, "malformed node id"};
      if (!service_.is_member_(*peer)) {
        return {grpc::StatusCode::FAILED_PRECONDITION, "not a member of this node's cluster"};
      }
      const auto id = service_.followers_.Open(*peer, request_.number());
      if (!id) return {grpc::StatusCode::ABORTED, "a newer stream follows"};
      LogVerbose("A node follows this one's messages", {{"node", peer->view()}});
      const std::lock_guard lock(mutex_);
      id_ = id;
      service_.Add(*id, shared_from_this());
    }
    if (!service_.followers_.OnChanges(*id_, Decode(request_))) {
      return {grpc::StatusCode::ABORTED, "a newer stream follows"};
    }
    return grpc::Status::OK;
  }

  void End(grpc::Status status) {
    const auto keep = shared_from_this();
    const std::lock_guard lock(mutex_);
    EndLocked(std::move(status));
  }

  void EndLocked(grpc::Status status) {
    if (std::exchange(ending_, true)) return;
    status_ = std::move(status);
    if (!writing_) Finish(status_);
  }

  Service& service_;
  std::shared_ptr<Stream> self_;
  bus::FollowRequest request_;
  bus::FollowReply reply_;
  std::mutex mutex_;
  std::optional<StreamId> id_;  // Set once, by the reader, under mutex_.
  bool writing_ = false;        // Guarded by mutex_, as the following.
  bool ending_ = false;
  grpc::Status status_;
};

grpc::ServerBidiReactor<bus::FollowRequest, bus::FollowReply>* FollowedStreams::Service::Follow(
    grpc::CallbackServerContext*) {
  auto stream = std::make_shared<Stream>(*this);
  stream->Begin();
  return stream.get();
}

void FollowedStreams::Service::Send(StreamId id) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(id);
    if (at == streams_.end()) return;
    stream = at->second;
  }
  stream->Send();
}

FollowedStreams::FollowedStreams(Followers& followers, std::function<bool(const NodeId&)> is_member)
    : service_(std::make_shared<Service>(followers, std::move(is_member))) {}

FollowedStreams::~FollowedStreams() = default;

std::shared_ptr<grpc::Service> FollowedStreams::service() const { return service_; }

void FollowedStreams::Send(StreamId stream) { service_->Send(stream); }

}  // namespace henge::cluster

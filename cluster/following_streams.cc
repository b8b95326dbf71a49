// SPDX-License-Identifier: Apache-2.0
#include "cluster/following_streams.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/bus_channel.h"
#include "henge/relay.grpc.pb.h"

namespace henge::cluster {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;
constexpr auto kRelaxed = std::memory_order_relaxed;

void Encode(InterestChunk chunk, bus::FollowRequest& request) {
  request.set_version(chunk.version);
  for (InterestChange& change : chunk.changes) {
    bus::InterestChange* wire = request.add_changes();
    wire->set_kind(change.kind == TopicKind::kPattern ? bus::PATTERN : bus::CHANNEL);
    wire->set_wanted(change.wanted);
    wire->set_name(std::move(change.name));
  }
}

}  // namespace

class FollowingStreams::Parts {
 public:
  Parts(const NodeId& my_id, InterestFeed& feed, RelayListener& listener)
      : my_id_(my_id), feed_(feed), listener_(listener) {}
  ~Parts() { Stop(); }

  void Round(std::vector<PeerAddress> addresses);
  void Send(StreamId id);
  void Stop();
  uint64_t received() const { return received_.load(kRelaxed); }
  uint64_t following() const { return following_.load(kRelaxed); }

 private:
  class Stream;
  struct Peer {
    explicit Peer(PeerAddress at);
    ~Peer();
    const PeerAddress address;
    const std::unique_ptr<bus::ClusterRelay::Stub> stub;
    std::unique_ptr<Stream> stream;  // Null between two.
  };

  // Higher than any before, also before a restart if the clock does not go backwards.
  uint64_t NextNumber() {
    const auto now = static_cast<uint64_t>(SystemClock().NowMicros());
    number_ = std::max(number_ + 1, now);
    return number_;
  }
  void End(std::unique_ptr<Peer> peer);

  const NodeId my_id_;
  InterestFeed& feed_;
  RelayListener& listener_;
  std::map<NodeId, std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Peer>> leaving_;  // Whose streams end.
  uint64_t number_ = 0;
  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> following_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
};

// A call. What is started from outside gRPC's reactions needs its hold, which ends when nothing
// more can be read. It goes on the relay's thread, never on one of gRPC's: with it may go the last
// share of a channel.
class FollowingStreams::Parts::Stream final
    : public grpc::ClientBidiReactor<bus::FollowRequest, bus::FollowReply> {
 public:
  Stream(Parts& parts, Peer& peer)
      : parts_(parts), peer_(peer.address.id), id_(parts.feed_.Open()) {
    request_.set_node_id(parts.my_id_.str());
    request_.set_number(parts.NextNumber());
    peer.stub->async()->Follow(&context_, this);
    AddHold();
    StartRead(&reply_);
    StartCall();
    Send();
  }

  StreamId id() const { return id_; }
  bool done() const { return done_; }  // REQUIRES: parts_.mutex_ held.
  void Cancel() { context_.TryCancel(); }

  void Send() {
    const std::lock_guard lock(mutex_);
    if (writing_ || closed_) return;
    InterestChunk chunk = parts_.feed_.Take(id_, kChunkBytes);
    if (chunk.empty()) return;
    Encode(std::move(chunk), request_);
    writing_ = true;
    StartWrite(&request_);
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      request_.Clear();
      writing_ = false;
    }
    if (ok) Send();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        const std::lock_guard lock(mutex_);
        closed_ = true;
      }
      return RemoveHold();
    }
    if (!std::exchange(answered_, true)) {
      parts_.following_.fetch_add(1, kRelaxed);
      LogVerbose("This node follows another's messages", {{"node", peer_.view()}});
    }
    // First, so that a client which has a message finds it counted.
    parts_.received_.fetch_add(static_cast<uint64_t>(reply_.messages_size()), kRelaxed);
    for (const bus::RelayedMessage& message : reply_.messages()) {
      parts_.listener_.OnRelayed(message.channel(), message.payload());
    }
    if (reply_.acknowledged() != 0) parts_.feed_.OnAcknowledged(id_, reply_.acknowledged());
    StartRead(&reply_);
  }

  void OnDone(const grpc::Status& status) override {
    parts_.feed_.Close(id_);
    if (answered_) {
      parts_.following_.fetch_sub(1, kRelaxed);
      LogVerbose("This node follows another's messages no longer",
                 {{"node", peer_.view()}, {"error", status.error_message()}});
    }
    const std::lock_guard lock(parts_.mutex_);
    done_ = true;
    parts_.ended_.notify_all();  // Under the lock: then `this` may go.
  }

 private:
  Parts& parts_;
  const NodeId peer_;
  const StreamId id_;
  grpc::ClientContext context_;
  bus::FollowReply reply_;
  bool answered_ = false;  // The reader's own.
  bool done_ = false;      // Guarded by parts_.mutex_.
  std::mutex mutex_;
  bus::FollowRequest request_;  // Guarded by mutex_, as the following.
  bool writing_ = false;
  bool closed_ = false;
};

FollowingStreams::Parts::Peer::Peer(PeerAddress at)
    : address(std::move(at)), stub(bus::ClusterRelay::NewStub(ConnectToBus(address))) {}

FollowingStreams::Parts::Peer::~Peer() = default;

void FollowingStreams::Parts::Round(std::vector<PeerAddress> addresses) {
  std::map<NodeId, std::unique_ptr<Peer>> next;
  for (PeerAddress& address : addresses) {
    const auto known = peers_.find(address.id);
    const NodeId id = address.id;
    const bool stays = known != peers_.end() && known->second->address == address;
    next[id] = stays ? std::move(known->second) : std::make_unique<Peer>(std::move(address));
  }
  for (auto& [id, peer] : peers_) {
    if (peer != nullptr) End(std::move(peer));
  }
  peers_ = std::move(next);
  const auto over = [this](const std::unique_ptr<Peer>& peer) {
    const std::lock_guard lock(mutex_);
    return peer->stream == nullptr || peer->stream->done();
  };
  std::erase_if(leaving_, over);
  for (auto& [id, peer] : peers_) {
    if (!over(peer)) continue;
    peer->stream.reset();
    peer->stream = std::make_unique<Stream>(*this, *peer);
  }
}

void FollowingStreams::Parts::End(std::unique_ptr<Peer> peer) {
  if (peer->stream != nullptr) peer->stream->Cancel();
  leaving_.push_back(std::move(peer));
}

void FollowingStreams::Parts::Send(StreamId id) {
  for (const auto& [node, peer] : peers_) {
    if (peer->stream != nullptr && peer->stream->id() == id) return peer->stream->Send();
  }
}

void FollowingStreams::Parts::Stop() {
  for (auto& [id, peer] : peers_) End(std::move(peer));
  peers_.clear();
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] {
      for (const auto& peer : leaving_) {
        if (peer->stream != nullptr && !peer->stream->done()) return false;
      }
      return true;
    });
  }
  leaving_.clear();
}

FollowingStreams::FollowingStreams(const NodeId& my_id, InterestFeed& feed, RelayListener& listener)
    : parts_(std::make_unique<Parts>(my_id, feed, listener)) {}

FollowingStreams::~FollowingStreams() = default;

void FollowingStreams::Round(std::vector<PeerAddress> peers) { parts_->Round(std::move(peers)); }

void FollowingStreams::Send(StreamId stream) { parts_->Send(stream); }

void FollowingStreams::Stop() { parts_->Stop(); }

uint64_t FollowingStreams::received() const { return parts_->received(); }

uint64_t FollowingStreams::following() const { return parts_->following(); }

}  // namespace henge::cluster

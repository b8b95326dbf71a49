// SPDX-License-Identifier: Apache-2.0
#include "cluster/heartbeat.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/bus_channel.h"
#include "henge/cluster.grpc.pb.h"

namespace henge::cluster {
namespace {

void Encode(const Beat& beat, bus::Beat* wire) {
  wire->set_node_id(beat.sender.str());
  wire->set_topology_version(beat.topology_version);
  wire->set_epoch(beat.epoch);
  wire->set_fingerprint(beat.fingerprint);
  wire->set_offset(beat.offset);
}

std::optional<Beat> Decode(const bus::Beat& wire) {
  const auto id = NodeId::Parse(wire.node_id());
  if (!id) return std::nullopt;
  return Beat{.sender = *id,
              .topology_version = wire.topology_version(),
              .epoch = wire.epoch(),
              .fingerprint = wire.fingerprint(),
              .offset = wire.offset()};
}

struct Peer {
  explicit Peer(PeerAddress at)
      : address(std::move(at)), stub(bus::ClusterBus::NewStub(ConnectToBus(address))) {}

  const PeerAddress address;
  const std::unique_ptr<bus::ClusterBus::Stub> stub;
};

// A ping on its way. It holds a share of the peer's channel, also by the context, and the last
// share must not go on a thread of gRPC: that would wait for itself to end.
struct Call {
  std::shared_ptr<Peer> peer;
  grpc::ClientContext context;
  bus::PingRequest request;
  bus::PingReply reply;
};

class PingService final : public bus::ClusterBus::CallbackService {
 public:
  explicit PingService(BeatListener& listener) : listener_(listener) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const bus::PingRequest* request, bus::PingReply* reply) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const auto beat = Decode(request->from());
    if (!beat) {
      reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "malformed node id"});
    } else if (!listener_.OnPing(*beat)) {
      reactor->Finish(
          {grpc::StatusCode::FAILED_PRECONDITION, "not a member of this node's cluster"});
    } else {
      Encode(listener_.OwnBeat(), reply->mutable_from());
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

 private:
  BeatListener& listener_;
};

}  // namespace

class Heartbeat::Rounds {
 public:
  Rounds(BeatListener& listener, HeartbeatOptions options)
      : listener_(listener), options_(options), thread_([this] { Run(); }) {}

  ~Rounds() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    lock.unlock();
    thread_.join();
    std::vector<Call*> waiting;  // They live until done_ goes.
    lock.lock();
    for (const auto& [peer, call] : calls_) waiting.push_back(call.get());
    lock.unlock();
    for (Call* call : waiting) call->context.TryCancel();
    lock.lock();
    changed_.wait(lock, [this] { return calls_.empty(); });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      listener_.OnRound();
      DropDone();
      FollowPeers();
      for (const auto& [id, peer] : peers_) Ping(peer);
      lock.lock();
      changed_.wait_for(lock, std::chrono::milliseconds(options_.period_ms),
                        [this] { return stopping_; });
    }
  }

  // Keeps the channel of a peer that is pinged again, and where it was. Those that are pinged once
  // in a while are connected to for that.
  void FollowPeers() {
    std::map<NodeId, std::shared_ptr<Peer>> next;
    for (PeerAddress& address : listener_.PeersToPing()) {
      const auto known = peers_.find(address.id);
      const NodeId id = address.id;
      next[id] = known != peers_.end() && known->second->address == address
                     ? known->second
                     : std::make_shared<Peer>(std::move(address));
    }
    peers_ = std::move(next);
  }

  void DropDone() {
    std::vector<std::unique_ptr<Call>> done;
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }

  void Ping(const std::shared_ptr<Peer>& peer) {
    auto owned = std::make_unique<Call>();
    Call* call = owned.get();  // Lives until the next round at least.
    call->peer = peer;
    {
      const std::lock_guard lock(mutex_);
      if (!calls_.emplace(peer.get(), std::move(owned)).second) return;  // The last still waits.
    }
    Encode(listener_.OwnBeat(), call->request.mutable_from());
    call->context.set_deadline(std::chrono::system_clock::now() +
                               std::chrono::milliseconds(options_.deadline_ms));
    listener_.OnPingSent(peer->address.id);
    peer->stub->async()->Ping(&call->context, &call->request, &call->reply,
                              [this, call](const grpc::Status& status) {
                                Report(call->peer->address.id, status, *call);
                                const std::lock_guard lock(mutex_);
                                auto at = calls_.find(call->peer.get());
                                done_.push_back(std::move(at->second));
                                calls_.erase(at);
                                changed_.notify_all();  // Under the lock: then `this` may go.
                              });
  }

  void Report(const NodeId& peer, const grpc::Status& status, const Call& call) {
    if (!status.ok()) return listener_.OnPingFailed(peer, status.error_message());
    const auto beat = Decode(call.reply.from());
    if (!beat) return listener_.OnPingFailed(peer, "answered without a node id");
    if (beat->sender != peer) {
      return listener_.OnPingFailed(peer, "another node answers there: " + beat->sender.str());
    }
    listener_.OnPong(peer, *beat);
  }

  BeatListener& listener_;
  const HeartbeatOptions options_;
  std::map<NodeId, std::shared_ptr<Peer>> peers_;  // The thread's own.

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;                                    // Guarded by mutex_.
  std::map<const Peer*, std::unique_ptr<Call>> calls_ = {};  // On their way. Guarded by mutex_.
  std::vector<std::unique_ptr<Call>> done_ = {};             // Guarded by mutex_.
  std::thread thread_;                                       // Last: it starts at once.
};

Heartbeat::Heartbeat(BeatListener& listener, HeartbeatOptions options)
    : rounds_(std::make_unique<Rounds>(listener, options)) {}

Heartbeat::~Heartbeat() = default;

std::shared_ptr<grpc::Service> MakePingService(BeatListener& listener) {
  return std::make_shared<PingService>(listener);
}

}  // namespace henge::cluster

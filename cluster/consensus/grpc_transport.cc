// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/grpc_transport.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/numbers.h"
#include "cluster/bus_channel.h"
#include "cluster/consensus/record_codec.h"
#include "henge/consensus.grpc.pb.h"

namespace henge::consensus {

namespace {

constexpr size_t kPieceBytes = 1 << 20;
constexpr size_t kMaxMessageBytes = 256 << 20;
constexpr size_t kMaxWaiting = 1024;  // Messages to one peer.
constexpr std::chrono::milliseconds kRetry{100};

using Clock = std::chrono::steady_clock;

// "host:port"; the port is behind the last colon.
cluster::PeerAddress ParseAddress(const std::string& text) {
  cluster::PeerAddress address;
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return address;
  address.host = text.substr(0, colon);
  address.bus_port = static_cast<uint16_t>(ParseUint64(text.substr(colon + 1)).value_or(0));
  return address;
}

}  // namespace

// What may be called until Stop returns.
struct GrpcInbox::Receivers {
  std::mutex mutex;
  PeerId own = kNobody;
  std::function<void(Message)> receive;
  std::function<void(PeerId)> lost;
  std::function<void(PeerId, std::string)> learn;
};

class GrpcInbox::Service final : public bus::ClusterConsensus::CallbackService {
 public:
  explicit Service(std::shared_ptr<Receivers> receivers) : receivers_(std::move(receivers)) {}

 private:
  class Reader final : public grpc::ServerBidiReactor<bus::ConsensusFrame, bus::ConsensusNothing> {
   public:
    explicit Reader(std::shared_ptr<Receivers> receivers) : receivers_(std::move(receivers)) {
      StartRead(&frame_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      if (frame_.from() != kNobody) Learn();
      if (message_.size() + frame_.piece().size() > kMaxMessageBytes)
        return Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "a message is too large"});
      if (frame_.to() != kNobody) to_ = frame_.to();
      message_ += frame_.piece();
      if (!frame_.more() && !Deliver())
        return Finish({grpc::StatusCode::INVALID_ARGUMENT, "no message of consensus"});
      StartRead(&frame_);
    }
    void OnDone() override { delete this; }

   private:
    void Learn() {
      const std::lock_guard lock(receivers_->mutex);
      if (receivers_->learn && !frame_.address().empty())
        receivers_->learn(frame_.from(), frame_.address());
    }
    bool Deliver() {
      std::optional<Message> message = DecodeMessage(message_);
      message_.clear();
      if (!message) return false;
      const std::lock_guard lock(receivers_->mutex);
      if (receivers_->receive && to_ == receivers_->own) receivers_->receive(*std::move(message));
      return true;
    }
    const std::shared_ptr<Receivers> receivers_;
    bus::ConsensusFrame frame_;
    std::string message_;
    PeerId to_ = kNobody;
  };

  grpc::ServerBidiReactor<bus::ConsensusFrame, bus::ConsensusNothing>* Deliver(
      grpc::CallbackServerContext*) override {
    return new Reader(receivers_);
  }

  const std::shared_ptr<Receivers> receivers_;
};

// The queue to one peer, and the stream that carries it, if there is one.
class GrpcTransport::Link {
 public:
  Link(PeerId own, std::string own_address, PeerId peer, std::shared_ptr<Receivers> receivers)
      : own_(own),
        own_address_(std::move(own_address)),
        peer_(peer),
        receivers_(std::move(receivers)) {}

  ~Link();
  void Send(std::string bytes, const std::string& address);
  void Close();

 private:
  friend class Stream;
  bool NextFrame(bus::ConsensusFrame& frame);  // Under mutex_, as Ended.
  void TellLost();
  void Ended();

  const PeerId own_;
  const std::string own_address_;
  const PeerId peer_;
  const std::shared_ptr<Receivers> receivers_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::deque<std::string> waiting_;
  size_t sent_ = 0;  // Of the first one that waits.
  bool greeted_ = false;
  bool closed_ = false;
  Clock::time_point again_;
  std::string address_;
  std::unique_ptr<bus::ClusterConsensus::Stub> stub_;
  std::unique_ptr<Stream> stream_;  // Goes when the next begins, or with the link.
};

// A call. Its hold, for what is written from outside gRPC's reactions, ends when nothing more can
// be read: the peer, or the connection, is gone. Goes on a thread of the transport, never on one of
// gRPC's: with it may go the last share of a channel.
class GrpcTransport::Stream final
    : public grpc::ClientBidiReactor<bus::ConsensusFrame, bus::ConsensusNothing> {
 public:
  explicit Stream(Link& link) : link_(link) {}

  // These under the link's mutex.
  void Begin() {
    link_.stub_->async()->Deliver(&context_, this);
    AddHold();
    StartRead(&nothing_);
    StartCall();
    Write();
  }
  void Write() {
    if (writing_ || closed_ || !link_.NextFrame(frame_)) return;
    writing_ = true;
    StartWrite(&frame_);
  }
  void Cancel() { context_.TryCancel(); }
  bool done() const { return done_; }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(link_.mutex_);
    writing_ = false;
    if (ok) Write();
  }
  void OnReadDone(bool ok) override {
    if (ok) return StartRead(&nothing_);
    {
      const std::lock_guard lock(link_.mutex_);
      closed_ = true;
    }
    RemoveHold();
  }
  void OnDone(const grpc::Status&) override {
    link_.TellLost();
    const std::lock_guard lock(link_.mutex_);
    done_ = true;
    link_.Ended();  // Under the lock: then `this` may go.
  }

 private:
  Link& link_;
  grpc::ClientContext context_;
  bus::ConsensusFrame frame_;
  bus::ConsensusNothing nothing_;
  bool writing_ = false;
  bool closed_ = false;
  bool done_ = false;
};

bool GrpcTransport::Link::NextFrame(bus::ConsensusFrame& frame) {
  if (waiting_.empty()) return false;
  frame.Clear();
  if (!std::exchange(greeted_, true)) {
    frame.set_from(own_);
    frame.set_address(own_address_);
  }
  const std::string& bytes = waiting_.front();
  if (sent_ == 0) frame.set_to(peer_);
  frame.set_piece(bytes.substr(sent_, kPieceBytes));
  sent_ += frame.piece().size();
  frame.set_more(sent_ < bytes.size());
  if (frame.more()) return true;
  waiting_.pop_front();
  sent_ = 0;
  return true;
}

void GrpcTransport::Link::Send(std::string bytes, const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (closed_ || waiting_.size() >= kMaxWaiting) return;
  const bool over = stream_ == nullptr || stream_->done();
  if (address != address_ && !over) return stream_->Cancel();  // The peer has moved.
  if (over && Clock::now() < again_) return;
  waiting_.push_back(std::move(bytes));
  if (!over) return stream_->Write();
  if (address != address_) {
    address_ = address;
    stub_ = bus::ClusterConsensus::NewStub(cluster::ConnectToBus(ParseAddress(address)));
  }
  greeted_ = false;
  stream_ = std::make_unique<Stream>(*this);
  stream_->Begin();
}

void GrpcTransport::Link::TellLost() {
  const std::lock_guard lock(receivers_->mutex);
  if (receivers_->lost) receivers_->lost(peer_);
}

void GrpcTransport::Link::Ended() {
  waiting_.clear();
  sent_ = 0;
  again_ = Clock::now() + kRetry;
  ended_.notify_all();
}

void GrpcTransport::Link::Close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  if (stream_ == nullptr) return;
  stream_->Cancel();
  ended_.wait(lock, [this] { return stream_->done(); });
}

GrpcTransport::Link::~Link() = default;

GrpcInbox::GrpcInbox()
    : receivers_(std::make_shared<Receivers>()), service_(std::make_shared<Service>(receivers_)) {}

std::shared_ptr<grpc::Service> GrpcInbox::service() const { return service_; }

GrpcTransport::GrpcTransport(PeerId own, std::string address, std::shared_ptr<GrpcInbox> inbox)
    : own_(own),
      address_(std::move(address)),
      inbox_(inbox != nullptr ? std::move(inbox) : std::make_shared<GrpcInbox>()),
      receivers_(inbox_->receivers_) {}

GrpcTransport::~GrpcTransport() { Stop(); }

void GrpcTransport::Start(std::function<void(Message)> receive, std::function<void(PeerId)> lost) {
  const std::lock_guard lock(receivers_->mutex);
  receivers_->own = own_;
  receivers_->receive = std::move(receive);
  receivers_->lost = std::move(lost);
  receivers_->learn = [this](PeerId peer, std::string address) {
    const std::lock_guard addresses(mutex_);
    addresses_.insert_or_assign(peer, std::move(address));
  };
}

void GrpcTransport::Stop() {
  {
    const std::lock_guard lock(receivers_->mutex);
    receivers_->receive = nullptr;
    receivers_->lost = nullptr;
    receivers_->learn = nullptr;
  }
  std::map<PeerId, std::shared_ptr<Link>> links;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    links.swap(links_);
  }
  for (const auto& [peer, link] : links) link->Close();
}

void GrpcTransport::Members(const Membership& members) {
  const std::lock_guard lock(mutex_);
  for (const Member& member : members.members()) {
    if (member.id == own_ || member.address.empty()) continue;
    if (std::exchange(told_[member.id], member.address) != member.address)
      addresses_[member.id] = member.address;
  }
}

void GrpcTransport::Send(Message message) {
  std::shared_ptr<Link> link;
  std::string address;
  {
    const std::lock_guard lock(mutex_);
    const auto at = addresses_.find(message.to);
    if (stopped_ || at == addresses_.end()) return;
    address = at->second;
    std::shared_ptr<Link>& slot = links_[message.to];
    if (slot == nullptr) slot = std::make_shared<Link>(own_, address_, message.to, receivers_);
    link = slot;
  }
  link->Send(EncodeMessage(message), address);
}

}  // namespace henge::consensus

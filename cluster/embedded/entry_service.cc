// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/entry_service.h"

#include "cluster/bus_channel.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;

// A call that is answered later, or ends when its caller gives up or nobody will answer any more.
template <class Reply>
class Waiting final : public grpc::ServerUnaryReactor {
 public:
  explicit Waiting(Reply* reply) : reply_(reply) {}

  // Its own hold, until gRPC is done with it.
  void Hold(std::shared_ptr<Waiting> self) { self_ = std::move(self); }

  void Answer(const Reply& reply) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    *reply_ = reply;
    Finish(grpc::Status::OK);
  }
  void Refuse(grpc::StatusCode code, const char* why) {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(finished_, true)) Finish({code, why});
  }
  void OnCancel() override { Refuse(grpc::StatusCode::CANCELLED, "given up"); }
  void OnDone() override { const auto last = std::move(self_); }

 private:
  Reply* const reply_;
  std::mutex mutex_;
  bool finished_ = false;
  std::shared_ptr<Waiting> self_;
};

// Whoever holds it may answer; if nobody does it ends as unavailable.
template <class Reply>
struct Ticket {
  explicit Ticket(std::shared_ptr<Waiting<Reply>> held) : waiting(std::move(held)) {}
  ~Ticket() { waiting->Refuse(grpc::StatusCode::UNAVAILABLE, "the node is stopping"); }
  std::shared_ptr<Waiting<Reply>> waiting;
};

// "ipv4:127.0.0.1:4242", "ipv6:%5B::1%5D:4242": the host alone.
std::string HostOf(const std::string& peer) {
  const size_t scheme = peer.find(':');
  const size_t port = peer.rfind(':');
  if (scheme == std::string::npos || port <= scheme) return "";
  std::string host = peer.substr(scheme + 1, port - scheme - 1);
  for (const std::string_view bracket : {"%5B", "%5D", "[", "]"}) {
    if (const size_t at = host.find(bracket); at != std::string::npos)
      host.erase(at, bracket.size());
  }
  return host;
}

}  // namespace

void EntryService::Open(EntryHandler& handler, PostErrand post) {
  const std::lock_guard lock(mutex_);
  handler_ = &handler;
  post_ = std::move(post);
}

void EntryService::Close() {
  const std::lock_guard lock(mutex_);
  handler_ = nullptr;
  post_ = nullptr;
}

template <class Reply, class Ask>
grpc::ServerUnaryReactor* EntryService::Serve(Reply* reply, Ask ask) {
  auto waiting = std::make_shared<Waiting<Reply>>(reply);
  waiting->Hold(waiting);
  auto ticket = std::make_shared<Ticket<Reply>>(waiting);
  const std::lock_guard lock(mutex_);
  if (handler_ != nullptr) {
    post_([handler = handler_, ask = std::move(ask), ticket] {
      ask(*handler, [ticket](const Reply& answer) { ticket->waiting->Answer(answer); });
    });
  }
  return waiting.get();
}

grpc::ServerUnaryReactor* EntryService::Join(Context* context, const wire::JoinRequest* request,
                                             wire::JoinReply* reply) {
  return Serve(reply, [request = *request, from = HostOf(context->peer())](
                          EntryHandler& handler, AnswerWith<wire::JoinReply> answer) {
    handler.OnJoin(request, from, std::move(answer));
  });
}

grpc::ServerUnaryReactor* EntryService::Invite(Context* context, const wire::InviteRequest* request,
                                               wire::JoinReply* reply) {
  return Serve(reply, [request = *request, from = HostOf(context->peer())](
                          EntryHandler& handler, AnswerWith<wire::JoinReply> answer) {
    handler.OnInvite(request, from, std::move(answer));
  });
}

grpc::ServerUnaryReactor* EntryService::Greet(Context*, const wire::GreetRequest* request,
                                              wire::GreetReply* reply) {
  return Serve(reply,
               [request = *request](EntryHandler& handler, AnswerWith<wire::GreetReply> answer) {
                 handler.OnGreet(request, std::move(answer));
               });
}

grpc::ServerUnaryReactor* EntryService::Whereabouts(Context*,
                                                    const wire::WhereaboutsRequest* request,
                                                    wire::WhereaboutsReply* reply) {
  return Serve(reply, [request = *request](EntryHandler& handler,
                                           AnswerWith<wire::WhereaboutsReply> answer) {
    handler.OnWhereabouts(request, std::move(answer));
  });
}

void EntryClient::Begin(Call& call, const PeerAddress& peer, std::chrono::milliseconds patience) {
  call.context.set_deadline(std::chrono::system_clock::now() + patience);
  call.stub = wire::ClusterEntry::NewStub(ConnectToBus(peer));
}

void EntryClient::Over(Call& call) {
  const std::lock_guard lock(mutex_);
  call.over = true;
  over_.notify_all();
}

void EntryClient::Drop(Call* call) {
  {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [call] { return call->over; });
  }
  calls_.remove_if([call](const auto& one) { return one.get() == call; });
}

EntryClient::~EntryClient() {
  for (const auto& call : calls_) call->context.TryCancel();
  for (const auto& call : calls_) {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [&] { return call->over; });
  }
}

}  // namespace henge::cluster

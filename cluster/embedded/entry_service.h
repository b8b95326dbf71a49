// SPDX-License-Identifier: Apache-2.0
// The two ends of ClusterEntry (proto/henge/coordinator.proto): EntryService answers on the node's
// bus, EntryClient asks. Both only carry: what is asked goes to an EntryHandler, what is answered
// to a callback, each on the thread that `post` brings it to.
//
// EntryService: any thread; between Open and Close the handler is asked. EntryClient: one thread,
// the one that `post` leads to; destroyed there or after it has ended.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "cluster/heartbeat.h"
#include "henge/coordinator.grpc.pb.h"

namespace henge::cluster {

template <class Reply>
using AnswerWith = std::function<void(const Reply&)>;

// Each is answered once, at once or later. `from`: the asker's address as the connection tells it.
class EntryHandler {
 public:
  virtual ~EntryHandler() = default;
  virtual void OnJoin(const henge::coordinator::JoinRequest& request, const std::string& from,
                      AnswerWith<henge::coordinator::JoinReply> answer) = 0;
  virtual void OnInvite(const henge::coordinator::InviteRequest& request, const std::string& from,
                        AnswerWith<henge::coordinator::JoinReply> answer) = 0;
  virtual void OnGreet(const henge::coordinator::GreetRequest& request,
                       AnswerWith<henge::coordinator::GreetReply> answer) = 0;
  virtual void OnWhereabouts(const henge::coordinator::WhereaboutsRequest& request,
                             AnswerWith<henge::coordinator::WhereaboutsReply> answer) = 0;
};

using PostErrand = std::function<void(std::function<void()>)>;

class EntryService final : public henge::coordinator::ClusterEntry::CallbackService {
 public:
  void Open(EntryHandler& handler, PostErrand post);
  void Close();  // Nothing more is posted afterwards.

 private:
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* Join(Context* context, const henge::coordinator::JoinRequest* request,
                henge::coordinator::JoinReply* reply) override;
  Reactor* Invite(Context* context, const henge::coordinator::InviteRequest* request,
                  henge::coordinator::JoinReply* reply) override;
  Reactor* Greet(Context* context, const henge::coordinator::GreetRequest* request,
                 henge::coordinator::GreetReply* reply) override;
  Reactor* Whereabouts(Context* context, const henge::coordinator::WhereaboutsRequest* request,
                       henge::coordinator::WhereaboutsReply* reply) override;
  template <class Reply, class Ask>
  Reactor* Serve(Reply* reply, Ask ask);

  std::mutex mutex_;
  EntryHandler* handler_ = nullptr;  // Guarded by mutex_.
  PostErrand post_;                  // Guarded by mutex_.
};

class EntryClient {
 public:
  using Stub = henge::coordinator::ClusterEntry::Stub;
  template <class Reply>
  using Done = std::function<void(const grpc::Status&, const Reply&)>;

  explicit EntryClient(PostErrand post) : post_(std::move(post)) {}
  ~EntryClient();  // Cancels what is under way and waits for it; it is not answered.

  template <class Request, class Reply>
  void Ask(const PeerAddress& peer, std::chrono::milliseconds patience,
           void (Stub::async::*method)(grpc::ClientContext*, const Request*, Reply*,
                                       std::function<void(grpc::Status)>),
           Request request, Done<Reply> done);

 private:
  struct Call {
    virtual ~Call() = default;
    grpc::ClientContext context;
    std::unique_ptr<Stub> stub;
    bool over = false;  // Guarded by mutex_.
  };
  template <class Request, class Reply>
  struct CallOf final : Call {
    Request request;
    Reply reply;
    grpc::Status status;
    Done<Reply> done;
  };
  void Begin(Call& call, const PeerAddress& peer, std::chrono::milliseconds patience);
  void Over(Call& call);
  void Drop(Call* call);

  const PostErrand post_;
  std::list<std::unique_ptr<Call>>
      calls_;  // Those go where they were begun, not on gRPC's threads.
  std::mutex mutex_;
  std::condition_variable over_;
};

template <class Request, class Reply>
void EntryClient::Ask(const PeerAddress& peer, std::chrono::milliseconds patience,
                      void (Stub::async::*method)(grpc::ClientContext*, const Request*, Reply*,
                                                  std::function<void(grpc::Status)>),
                      Request request, Done<Reply> done) {
  auto owned = std::make_unique<CallOf<Request, Reply>>();
  auto* const call = owned.get();
  call->request = std::move(request);
  call->done = std::move(done);
  calls_.push_back(std::move(owned));
  Begin(*call, peer, patience);
  (call->stub->async()->*method)(&call->context, &call->request, &call->reply,
                                 [this, call](grpc::Status status) {
                                   call->status = std::move(status);
                                   post_([this, call] {
                                     const Done<Reply> tell = std::move(call->done);
                                     const grpc::Status outcome = call->status;
                                     const Reply reply = std::move(call->reply);
                                     Drop(call);
                                     tell(outcome, reply);
                                   });
                                   Over(*call);
                                 });
}

}  // namespace henge::cluster

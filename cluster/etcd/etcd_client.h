// SPDX-License-Identifier: Apache-2.0
// EtcdClient: calls to an etcd cluster, through one of its members at a time. Where a member does
// not answer, another connection is made, to the next one.
//
// A call fails at once while there is no connection, or no login where there is to be one: who must
// know asks again. A call that failed may have been done all the same.
//
// One thread, the one that `post` leads to: there answers are told; destroyed there or after it has
// ended.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cluster/etcd/etcd_credentials.h"
#include "henge/etcd.grpc.pb.h"

namespace henge::cluster {

// A connection to a member.
struct EtcdLine {
  EtcdLine(const std::string& endpoint,
           const std::shared_ptr<grpc::ChannelCredentials>& credentials);

  const std::string endpoint;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<etcdserverpb::KV::Stub> kv;
  const std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  const std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  const std::unique_ptr<etcdserverpb::Auth::Stub> auth;
};

// Who logs in; without a name, nobody.
struct EtcdUser {
  std::string name;
  std::string password;
};

class EtcdClient {
 public:
  using Post = std::function<void(std::function<void()>)>;
  using Clock = std::chrono::steady_clock;
  template <class Reply>
  using Done = std::function<void(const absl::Status&, const Reply&)>;

  // "host:port" each, one at least. `patience`: so long a line may fail, until another is tried.
  EtcdClient(std::vector<std::string> endpoints,
             std::shared_ptr<grpc::ChannelCredentials> credentials, EtcdUser user,
             std::chrono::milliseconds patience, Post post);
  ~EtcdClient();  // Cancels what is under way and waits for it; it is not answered.
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  void Range(etcdserverpb::RangeRequest request, std::chrono::milliseconds deadline,
             Done<etcdserverpb::RangeResponse> done);
  void Txn(etcdserverpb::TxnRequest request, std::chrono::milliseconds deadline,
           Done<etcdserverpb::TxnResponse> done);
  void Grant(int64_t ttl_seconds, std::chrono::milliseconds deadline,
             Done<etcdserverpb::LeaseGrantResponse> done);
  void KeepAlive(int64_t lease, std::chrono::milliseconds deadline,
                 Done<etcdserverpb::LeaseKeepAliveResponse> done);
  // Blocks until it is done, or not in time.
  void Revoke(int64_t lease, std::chrono::milliseconds deadline);

  // For a stream; what became of it is told by Report.
  const std::shared_ptr<EtcdLine>& line() const { return line_; }
  void ShowLogin(grpc::ClientContext& context) const;
  void Report(const std::shared_ptr<EtcdLine>& line, const grpc::Status& status);

  // When a call was answered last.
  Clock::time_point heard_at() const { return heard_at_; }

 private:
  struct Call {
    virtual ~Call() = default;
    grpc::ClientContext context;
    std::shared_ptr<EtcdLine> line;
    bool over = false;  // Guarded by mutex_.
  };
  template <class Request, class Reply>
  struct CallOf final : Call {
    Request request;
    Reply reply;
    grpc::Status status;
    Done<Reply> done;
  };
  // Whether calls may be made, as whoever they are to be.
  enum class Login { kNone, kAsked, kDone };

  // `begin` gives the call to gRPC. Ask begins it as who is logged in.
  template <class Request, class Reply, class Begin>
  void Ask(Request request, std::chrono::milliseconds deadline, Done<Reply> done, Begin begin);
  template <class Request, class Reply, class Begin>
  void Start(Request request, std::chrono::milliseconds deadline, Done<Reply> done, Begin begin);
  void LogIn();
  void OnLogin(const absl::Status& status, const std::string& token);
  void Tell(const std::string& refusal);  // Logs it, the same one now and then.
  void Over(Call& call);
  void Drop(Call* call);

  const std::vector<std::string> endpoints_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const EtcdUser user_;
  const std::chrono::milliseconds patience_;
  const Post post_;
  size_t next_endpoint_ = 0;
  std::shared_ptr<EtcdLine> line_;
  Clock::time_point fails_since_ = Clock::time_point::max();
  Clock::time_point heard_at_ = {};
  Login login_;
  std::string token_;  // Empty: none is asked for.
  Clock::time_point next_login_ = {};
  std::string told_;
  Clock::time_point told_at_ = {};

  std::list<std::unique_ptr<Call>> calls_;
  std::mutex mutex_;
  std::condition_variable over_;
};

}  // namespace henge::cluster

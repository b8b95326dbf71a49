// SPDX-License-Identifier: Apache-2.0
// KeyWatch: one stream on which etcd tells what becomes of a range of keys, from a revision on. It
// ends when the connection does, when etcd knows no more what was at that revision, or by the
// destructor; then its owner reads all anew and watches from there.
//
// Made and destroyed on one thread. `heard` and `ended` are called on gRPC's threads, `ended` last
// and once, both until the destructor returns.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "cluster/etcd/etcd_client.h"

namespace henge::cluster {

class KeyWatch final
    : private grpc::ClientBidiReactor<etcdserverpb::WatchRequest, etcdserverpb::WatchResponse> {
 public:
  using Heard = std::function<void(etcdserverpb::WatchResponse)>;
  using Ended = std::function<void(const grpc::Status&)>;

  // On the client's present line, as who is logged in.
  KeyWatch(const EtcdClient& client, const etcdserverpb::WatchCreateRequest& request, Heard heard,
           Ended ended);
  ~KeyWatch() override;  // Cancels it and waits for its end.
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;

  const std::shared_ptr<EtcdLine>& line() const { return line_; }

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<EtcdLine> line_;
  const Heard heard_;
  const Ended ended_;
  grpc::ClientContext context_;
  etcdserverpb::WatchRequest request_;
  etcdserverpb::WatchResponse response_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;  // Guarded by mutex_.
};

}  // namespace henge::cluster

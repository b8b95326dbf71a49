// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/key_watch.h"

#include <utility>

namespace henge::cluster {

KeyWatch::KeyWatch(const EtcdClient& client, const etcdserverpb::WatchCreateRequest& request,
                   Heard heard, Ended ended)
    : line_(client.line()), heard_(std::move(heard)), ended_(std::move(ended)) {
  // A member without a leader would keep the stream and tell nothing.
  context_.AddMetadata("hasleader", "true");
  client.ShowLogin(context_);
  *request_.mutable_create_request() = request;
  line_->watch->async()->Watch(&context_, this);
  StartWrite(&request_);
  StartRead(&response_);
  StartCall();
}

KeyWatch::~KeyWatch() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  over_.wait(lock, [this] { return done_; });
}

void KeyWatch::OnReadDone(bool ok) {
  if (!ok) return;  // OnDone follows.
  const bool canceled = response_.canceled();
  heard_(std::exchange(response_, {}));
  if (canceled) context_.TryCancel();
  StartRead(&response_);
}

void KeyWatch::OnDone(const grpc::Status& status) {
  ended_(status);
  const std::lock_guard lock(mutex_);
  done_ = true;
  over_.notify_all();  // Under the lock: then `this` may go.
}

}  // namespace henge::cluster

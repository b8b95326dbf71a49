// SPDX-License-Identifier: Apache-2.0
// From files to what gRPC connects to etcd with.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/security/credentials.h>

#include <memory>

#include "cluster/etcd/etcd_access.h"

namespace henge::cluster {

// kInvalidArgument: a file can't be read, or what is set makes no sense together.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> EtcdCredentials(const EtcdAccess& access);

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
// MemberFile: what a node whose topology is in etcd must not forget: who it is, and of which
// cluster it is or was. Replaced as a whole: another name, sync, rename, sync of the directory.
//
// One thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "cluster/node_id.h"
#include "persistence/file.h"

namespace henge::cluster {

struct MemberIdentity {
  NodeId node;
  NodeId next;          // Not zero: it may be this one by now (RESET HARD).
  std::string cluster;  // Empty: none yet.
  bool operator==(const MemberIdentity&) const = default;
};

class MemberFile {
 public:
  MemberFile(persistence::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Makes the directory. Nothing if there is no file yet; kDataLoss if it is damaged;
  // kFailedPrecondition if the directory belongs to the embedded coordinator.
  absl::StatusOr<std::optional<MemberIdentity>> Read();
  absl::Status Write(const MemberIdentity& member);

 private:
  std::string Path() const;

  persistence::FileSystem& files_;
  const std::string directory_;
};

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
// CoordinatorIdentity: what a node of the embedded coordinator must not forget besides its log: who
// it is, in which cluster, and which log is its own. In a directory of its own:
//
//   identity      replaced as a whole: another name, sync, rename, sync of the directory
//   log-<stay>/   the log (consensus/wal.h) of its stay in the cluster it belongs to
//
// Going to another cluster is the one step that replaces the file: before it the node is in the old
// one with its log, after it in the new one with an empty log. Logs of former stays are rubbish.
// A node's number among the peers of consensus is never used in two logs.
//
// IdentityFile: one thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/embedded/known_peer.h"
#include "cluster/topology.h"
#include "persistence/file.h"

namespace henge::cluster {

// A request to join that may have been granted: it is made again until that is known.
struct PendingJoin {
  consensus::PeerId peer = consensus::kNobody;
  std::string host;
  uint16_t bus_port = 0;
  bool operator==(const PendingJoin&) const = default;
};

struct CoordinatorIdentity {
  NodeId node;
  std::string token;  // Of this directory.
  consensus::PeerId peer = consensus::kNobody;
  uint64_t stay = 1;
  bool founded = false;  // Else it waits for those it is to found the cluster with.
  bool begun = false;    // The log was made: without it nothing may be founded or voted for.
  std::string cluster;
  TopologyPtr first = Topology::Empty();  // When this stay began.
  std::vector<KnownPeer> first_members;   // Empty if it has joined.
  std::vector<KnownPeer> known;           // Where others are, until the log tells.
  std::map<NodeId, std::string> tokens;   // Of those who founded it, as far as they were heard.
  std::optional<PendingJoin> joining;
};

class IdentityFile {
 public:
  static constexpr size_t kMaxBytes = 32 << 20;

  IdentityFile(persistence::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Makes the directory. Nothing if there is no identity yet; kDataLoss if it is damaged.
  absl::StatusOr<std::optional<CoordinatorIdentity>> Read();
  absl::Status Write(const CoordinatorIdentity& identity);

  std::string LogDirectory(uint64_t stay) const;
  absl::StatusOr<bool> HasLog(uint64_t stay) const;
  // Empties the logs of the stays before that one. What can't be removed stays and does no harm.
  void RemoveLogsBefore(uint64_t stay);

 private:
  std::string Path() const;

  persistence::FileSystem& files_;
  const std::string directory_;
};

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
// Topologies and changes as bytes: the messages of proto/henge/topology.proto. Pure; any thread.
//
// Writing is canonical: one document has one text in bytes, by one version of this code. Reading
// takes nothing on trust: the size is looked at before anything is parsed, every number and length
// before memory is taken for it, and a document is checked as Topology::FromParts checks it. A
// change that was read may still be refused by Apply.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::topology {
class Document;
class TopologyChange;
}  // namespace henge::topology

namespace henge::cluster {

inline constexpr size_t kMaxDocumentBytes = 8 << 20;
inline constexpr size_t kMaxChangeBytes = 256 << 10;

// A change with what Apply is told beside it.
struct ExpectingChange {
  Change change;
  uint64_t expected_version = 0;
};

std::string Serialize(const Topology& topology);
absl::StatusOr<TopologyPtr> ParseTopology(std::string_view bytes);

std::string Serialize(const ExpectingChange& change);
absl::StatusOr<ExpectingChange> ParseChange(std::string_view bytes);

// The same for messages that are part of others. These look at no size in bytes.
void Write(const Topology& topology, henge::topology::Document& out);
absl::StatusOr<TopologyPtr> Read(const henge::topology::Document& in);
void Write(const ExpectingChange& change, henge::topology::TopologyChange& out);
absl::StatusOr<ExpectingChange> Read(const henge::topology::TopologyChange& in);

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/topology_record.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "cluster/topology/codec.h"
#include "henge/topology_record.pb.h"

namespace henge::cluster {
namespace {

constexpr uint32_t kFormat = 1;

}  // namespace

bool TopologyRecord::WasApplied(uint64_t request) const {
  return std::ranges::count(applied, request) > 0;
}

void TopologyRecord::Remember(uint64_t request) {
  applied.push_back(request);
  if (applied.size() > kMaxApplied) applied.pop_front();
}

absl::StatusOr<std::string> Encode(const TopologyRecord& record) {
  henge::coordinator::TopologyRecord out;
  out.set_format(kFormat);
  out.set_cluster(record.cluster);
  Write(*record.topology, *out.mutable_topology());
  out.mutable_applied()->Add(record.applied.begin(), record.applied.end());
  std::string bytes = out.SerializeAsString();
  if (bytes.size() <= TopologyRecord::kMaxBytes) return bytes;
  return absl::ResourceExhaustedError(absl::StrCat("the topology would take ", bytes.size(),
                                                   " bytes, and etcd takes no more than ",
                                                   TopologyRecord::kMaxBytes, " at once"));
}

absl::StatusOr<TopologyRecord> DecodeRecord(std::string_view bytes) {
  henge::coordinator::TopologyRecord in;
  if (bytes.size() > TopologyRecord::kMaxBytes ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || in.cluster().empty())
    return absl::DataLossError("it is no topology");
  if (in.format() != kFormat)
    return absl::DataLossError(absl::StrCat("its format is ", in.format(), ", not ", kFormat));
  absl::StatusOr<TopologyPtr> topology = Read(in.topology());
  if (!topology.ok()) return absl::DataLossError(topology.status().message());
  TopologyRecord record{.cluster = in.cluster(), .topology = *std::move(topology)};
  for (const uint64_t request : in.applied()) record.Remember(request);
  return record;
}

}  // namespace henge::cluster

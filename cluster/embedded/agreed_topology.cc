// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/agreed_topology.h"

#include "base/log.h"
#include "base/strings.h"
#include "cluster/topology/codec.h"
#include "henge/coordinator.pb.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;

std::string Bytes(const wire::Entry& entry) { return entry.SerializeAsString(); }

}  // namespace

std::string EncodeEntry(const NumberedProposal& proposal) {
  wire::Entry entry;
  wire::Proposal& out = *entry.mutable_proposal();
  out.set_proposer(proposal.proposer);
  out.set_number(proposal.number);
  Write(ExpectingChange{proposal.change, proposal.expected_version}, *out.mutable_change());
  return Bytes(entry);
}

std::string EncodeFounding(std::string_view cluster, const Topology& topology) {
  wire::Entry entry;
  entry.mutable_founding()->set_cluster(std::string(cluster));
  Write(topology, *entry.mutable_founding()->mutable_topology());
  return Bytes(entry);
}

TopologyPtr AgreedTopology::topology() const {
  const std::lock_guard lock(mutex_);
  return topology_;
}

std::string AgreedTopology::cluster() const {
  const std::lock_guard lock(mutex_);
  return cluster_;
}

std::optional<absl::Status> AgreedTopology::OutcomeOf(consensus::PeerId proposer,
                                                      uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto at = outcomes_.find(Name{proposer, number});
  if (at == outcomes_.end()) return std::nullopt;
  return at->second;
}

void AgreedTopology::Apply(consensus::Index index, std::string_view command) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = ApplyLocked(command);
  }
  (void)index;
  if (changed) Tell();
}

bool AgreedTopology::ApplyLocked(std::string_view command) {
  wire::Entry entry;
  if (!entry.ParseFromArray(command.data(), static_cast<int>(command.size()))) return false;
  if (entry.has_founding()) {
    if (!cluster_.empty()) return false;
    const absl::StatusOr<TopologyPtr> first = Read(entry.founding().topology());
    if (!first.ok() || entry.founding().cluster().empty()) return false;
    cluster_ = entry.founding().cluster();
    topology_ = *first;
    return true;
  }
  if (!entry.has_proposal()) return false;
  const Name name{entry.proposal().proposer(), entry.proposal().number()};
  if (outcomes_.contains(name)) return false;
  absl::StatusOr<ExpectingChange> change = Read(entry.proposal().change());
  const uint64_t before = topology_->version();
  Remember(name, change.ok() ? Decide({.change = std::move(change->change),
                                       .expected_version = change->expected_version})
                             : change.status());
  return topology_->version() != before;
}

absl::Status AgreedTopology::Decide(const NumberedProposal& proposal) {
  if (cluster_.empty()) return absl::FailedPreconditionError("the cluster is not founded yet");
  absl::StatusOr<TopologyPtr> next =
      cluster::Apply(*topology_, proposal.change, proposal.expected_version);
  if (next.ok()) topology_ = *std::move(next);
  return next.status();
}

void AgreedTopology::Remember(const Name& name, const absl::Status& outcome) {
  const std::string message(Std(outcome.message()).substr(0, kMaxMessage));
  outcomes_.insert_or_assign(name, absl::Status(outcome.code(), Absl(message)));
  order_.push_back(name);
  if (order_.size() <= kMaxOutcomes) return;
  outcomes_.erase(order_.front());
  order_.pop_front();
}

void AgreedTopology::Members(consensus::Index, const consensus::Membership& members) {
  if (listener_.members) listener_.members(members);
}

std::string AgreedTopology::Save() {
  const std::lock_guard lock(mutex_);
  wire::State state;
  state.set_cluster(cluster_);
  Write(*topology_, *state.mutable_topology());
  for (const Name& name : order_) {
    const absl::Status& outcome = outcomes_.at(name);
    wire::Outcome& out = *state.add_outcomes();
    out.set_proposer(name.first);
    out.set_number(name.second);
    out.set_code(static_cast<uint32_t>(outcome.code()));
    out.set_message(std::string(outcome.message()));
  }
  return state.SerializeAsString();
}

void AgreedTopology::Load(consensus::Index index, std::string_view saved) {
  bool loaded = false;
  {
    const std::lock_guard lock(mutex_);
    cluster_.clear();
    topology_ = Topology::Empty();
    outcomes_.clear();
    order_.clear();
    loaded = saved.empty() || LoadLocked(saved);
  }
  if (!loaded)
    LogError("a snapshot of the topology can't be read: another version wrote it", {{"at", index}});
  if (!saved.empty()) Tell();
}

bool AgreedTopology::LoadLocked(std::string_view saved) {
  wire::State state;
  if (!state.ParseFromArray(saved.data(), static_cast<int>(saved.size()))) return false;
  absl::StatusOr<TopologyPtr> topology = Read(state.topology());
  if (!topology.ok() || state.outcomes_size() > static_cast<int>(kMaxOutcomes)) return false;
  cluster_ = state.cluster();
  topology_ = *std::move(topology);
  for (const wire::Outcome& outcome : state.outcomes()) {
    Remember({outcome.proposer(), outcome.number()},
             absl::Status(static_cast<absl::StatusCode>(outcome.code()), outcome.message()));
  }
  return true;
}

void AgreedTopology::Tell() {
  if (listener_.topology) listener_.topology(topology());
}

}  // namespace henge::cluster

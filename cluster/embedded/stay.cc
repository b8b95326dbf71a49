// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/stay.h"

#include <utility>

#include "base/log.h"

namespace henge::cluster {

Stay::Stay(const StayOptions& options, std::shared_ptr<consensus::GrpcInbox> inbox,
           std::function<void(const TopologyPtr&)> topology)
    : options_(options),
      tell_(std::move(topology)),
      transport_(options.own, options.known, std::move(inbox)),
      agreed_({.topology =
                   [this](const TopologyPtr& now) {
                     transport_.Follow(now);
                     tell_(now);
                   },
               .members = [this](const consensus::Membership& now) { OnMembers(now); }}) {}

absl::StatusOr<std::unique_ptr<Stay>> Stay::Begin(
    const StayOptions& options, persistence::FileSystem& files,
    std::shared_ptr<consensus::GrpcInbox> inbox, std::function<void(const TopologyPtr&)> topology) {
  std::unique_ptr<Stay> stay(new Stay(options, std::move(inbox), std::move(topology)));
  std::string torn;
  auto driver =
      consensus::Driver::Start(options.driver, files, stay->agreed_, stay->transport_, &torn);
  if (!driver.ok()) return driver.status();
  if (!torn.empty())
    LogWarning("the end of the log of consensus was torn and is passed over",
               {{"where", std::string_view(torn)}});
  stay->driver_ = *std::move(driver);
  stay->transport_.Start(*stay->driver_);
  return stay;
}

Stay::~Stay() {
  transport_.Stop();
  driver_.reset();
}

// What is agreed on, in order: a newcomer reads of the memberships before its own, too.
void Stay::OnMembers(const consensus::Membership& members) {
  if (members.Contains(options_.own.peer)) {
    was_member_ = true;
  } else if (was_member_) {
    removed_ = true;
  }
}

std::optional<NodeId> Stay::leader() const {
  const consensus::DriverStatus status = driver_->status();
  for (const consensus::Member& member : status.members.members()) {
    if (member.id == status.leader) return FromMember(member).node;
  }
  return std::nullopt;
}

bool Stay::IsRemoved() const { return removed_; }

}  // namespace henge::cluster

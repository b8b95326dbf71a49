// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/petitions.h"

#include <utility>

namespace henge::cluster {

uint64_t Petitions::Ask(Change change, Done done) {
  const uint64_t id = coordinator_.NewRequest();
  Petition& petition =
      open_.emplace(id, Petition{.change = std::move(change), .done = std::move(done)})
          .first->second;
  Send(id, petition);
  return id;
}

void Petitions::Tick() {
  for (auto& [id, petition] : open_) {
    if (!petition.on_its_way) Send(id, petition);
  }
}

void Petitions::Send(uint64_t id, Petition& petition) {
  petition.on_its_way = true;
  coordinator_.Propose({.request = id, .change = petition.change, .timeout_ms = patience_ms_},
                       [this, desk = desk_, id](const absl::Status& outcome) {
                         desk->Call([this, id, outcome] { Hear(id, outcome); });
                       });
}

void Petitions::Hear(uint64_t id, const absl::Status& outcome) {
  const auto at = open_.find(id);
  if (at == open_.end()) return;
  Petition& petition = at->second;
  petition.on_its_way = false;
  if (absl::IsDeadlineExceeded(outcome)) petition.uncertain = true;
  const bool nothing_known = absl::IsDeadlineExceeded(outcome) || absl::IsUnavailable(outcome);
  if (petition.uncertain && nothing_known) return;
  const Done done = std::move(petition.done);
  open_.erase(at);
  done(outcome);
}

}  // namespace henge::cluster

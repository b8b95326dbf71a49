// SPDX-License-Identifier: Apache-2.0
// Petitions: proposals to the coordinator that are made again, each under its one request, until
// their outcome is definite.
//
// An attempt that ends as kUnavailable was not ordered; but an attempt before it, of an unknown
// outcome, may still be. So that is definite only if no attempt before was unknown.
//
// On the desk's thread, all of it.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "cluster/coordinator.h"
#include "cluster/life/desk.h"

namespace henge::cluster {

class Petitions {
 public:
  // OK: applied. Else: refused, or never ordered, and never to be applied.
  using Done = std::function<void(const absl::Status&)>;

  // `patience_ms`: of each attempt.
  Petitions(Coordinator& coordinator, std::shared_ptr<Desk> desk, int64_t patience_ms)
      : coordinator_(coordinator), desk_(std::move(desk)), patience_ms_(patience_ms) {}

  // Never calls `done` within the call. What it returns names the petition.
  uint64_t Ask(Change change, Done done);
  // It is not asked again, and nobody is told: whatever became of it.
  void Forget(uint64_t petition) { open_.erase(petition); }
  void SetPatience(int64_t patience_ms) { patience_ms_ = patience_ms; }
  // Asks again what has no outcome; a few times a second.
  void Tick();

 private:
  struct Petition {
    Change change;
    Done done;
    bool on_its_way = false;
    bool uncertain = false;  // An attempt may still be ordered.
  };
  void Send(uint64_t id, Petition& petition);
  void Hear(uint64_t id, const absl::Status& outcome);

  Coordinator& coordinator_;
  const std::shared_ptr<Desk> desk_;
  int64_t patience_ms_;
  std::map<uint64_t, Petition> open_;  // By request.
};

}  // namespace henge::cluster

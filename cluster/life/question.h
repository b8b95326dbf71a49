// SPDX-License-Identifier: Apache-2.0
// Question: who asked is told once: what Answer says, or, if whoever should have answered forgets
// it or ends before, that the node has no time for it any more. One thread at a time.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <utility>

namespace henge::cluster {

class Question {
 public:
  using Told = std::function<void(const absl::Status&)>;

  explicit Question(Told told) : told_(std::move(told)) {}
  ~Question() { Answer(absl::UnavailableError("the node is about to stop")); }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  // The first one counts.
  void Answer(const absl::Status& outcome) {
    if (const Told told = std::exchange(told_, nullptr)) told(outcome);
  }

 private:
  Told told_;
};

using QuestionPtr = std::shared_ptr<Question>;

}  // namespace henge::cluster

// SPDX-License-Identifier: Apache-2.0
// Verdict: the first thing that was wrong in a run, and when. Checkers write it. One thread.
#pragma once

#include <fmt/format.h>

#include <string>

#include "tests/sim/timeline.h"

namespace henge::sim {

class Verdict {
 public:
  explicit Verdict(const Timeline& timeline) : timeline_(timeline) {}

  // `rule` names the checker.
  void Violated(const char* rule, const std::string& how) {
    if (!text_.empty()) return;
    text_ = fmt::format("{}: {}, at {} ms", rule, how, timeline_.now() / kMilli);
  }
  bool sound() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  const Timeline& timeline_;
  std::string text_;
};

}  // namespace henge::sim

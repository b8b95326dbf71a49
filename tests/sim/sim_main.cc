// SPDX-License-Identifier: Apache-2.0
// sim SEEDS [FIRST]: runs so many seeds, in as many processes as there are cores (HENGE_SIM_JOBS),
// tells how far it is, and stops at the first that fails. `make sim` runs 100,000.
//
// The parent gives each child a stripe of the seeds; a child writes a line for each hundred that
// passed, or the one that failed.
#include <fmt/format.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/numbers.h"
#include "tests/sim/run.h"

namespace henge::sim {
namespace {

constexpr uint64_t kPiece = 100;

struct Report {
  uint64_t seeds = 0;
  uint64_t steps = 0;
  uint64_t acknowledged = 0;
  uint64_t promotions = 0;
  uint64_t failed = 0;  // A seed, or 0.
};

void RunStripe(uint64_t from, uint64_t to, uint64_t stride, int out) {
  Report report;
  const auto tell = [&] {
    if (write(out, &report, sizeof(report)) != sizeof(report)) std::_Exit(2);
    report = {};
  };
  for (uint64_t seed = from; seed < to; seed += stride) {
    const Outcome outcome = RunSeed(seed);
    ++report.seeds;
    report.steps += outcome.steps;
    report.acknowledged += outcome.account.acknowledged;
    report.promotions += outcome.counts.promotions;
    if (!outcome.violation.empty()) {
      report.failed = seed;
      fmt::print(stderr, "\nHENGE_SIM_SEED={} ({}): {}\n", seed, ScenarioOf(seed).name,
                 outcome.violation);
      break;
    }
    if (report.seeds == kPiece) tell();
  }
  tell();
}

uint64_t Number(const char* text, uint64_t otherwise) {
  const auto number = text == nullptr ? std::nullopt : ParseInt64(text);
  return number && *number > 0 ? static_cast<uint64_t>(*number) : otherwise;
}

// The first seed that failed, or 0.
uint64_t Follow(int in, uint64_t seeds) {
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  Report sum;
  Report report;
  while (read(in, &report, sizeof(report)) == sizeof(report)) {
    sum.seeds += report.seeds;
    sum.steps += report.steps;
    sum.acknowledged += report.acknowledged;
    sum.promotions += report.promotions;
    const std::chrono::duration<double> took = Clock::now() - begun;
    fmt::print("\r{} of {} seeds, {:.0f} a second; {} events, {} acknowledged, {} promotions ",
               sum.seeds, seeds, static_cast<double>(sum.seeds) / took.count(), sum.steps,
               sum.acknowledged, sum.promotions);
    std::fflush(stdout);
    if (report.failed != 0) return report.failed;
  }
  fmt::print("\n");
  return 0;
}

int Main(int argc, char** argv) {
  const uint64_t seeds = Number(argc > 1 ? argv[1] : nullptr, 100'000);
  const uint64_t first = Number(argc > 2 ? argv[2] : nullptr, 1);
  const uint64_t jobs =
      Number(std::getenv("HENGE_SIM_JOBS"), std::max(1U, std::thread::hardware_concurrency()));
  int ends[2];
  if (pipe(ends) != 0) return 2;
  std::vector<pid_t> children;
  for (uint64_t job = 0; job < jobs; ++job) {
    const pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) {
      close(ends[0]);
      RunStripe(first + job, first + seeds, jobs, ends[1]);
      std::_Exit(0);
    }
    children.push_back(child);
  }
  close(ends[1]);
  const uint64_t failed = Follow(ends[0], seeds);
  for (const pid_t child : children) {
    if (failed != 0) kill(child, SIGTERM);
    int status = 0;
    waitpid(child, &status, 0);
    if (failed == 0 && status != 0) return 2;  // It died of something else.
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace henge::sim

int main(int argc, char** argv) { return henge::sim::Main(argc, argv); }

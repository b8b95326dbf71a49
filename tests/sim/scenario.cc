// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>

namespace henge::sim {
namespace {

constexpr std::array kScenarios = {
    Scenario{.name = "three nodes, one group"},
    Scenario{.name = "two groups of three",
             .nodes = 6,
             .leaders = 2,
             .chaos_ms = 15'000,
             .between_ms = 500,
             .mishaps = {.hand_over = 4}},
    Scenario{.name = "three leaders, three followers",
             .nodes = 6,
             .leaders = 3,
             .chaos_ms = 15'000,
             .between_ms = 500},
    Scenario{.name = "five voters",
             .nodes = 5,
             .voters = 5,
             .chaos_ms = 15'000,
             .between_ms = 500,
             .mishaps = {.crash = 4, .transfer = 3}},
    Scenario{.name = "hand-overs under load",
             .mishaps = {.crash = 1, .hand_over = 12, .force = 4, .shut_down = 3}},
    Scenario{.name = "judges come and go",
             .mishaps = {.crash = 1, .pause = 1, .cut = 1, .force = 10, .transfer = 10}},
    Scenario{.name = "power", .mishaps = {.crash = 1, .pause = 1, .power = 4}},
    Scenario{.name = "slow disks", .mishaps = {.crash = 4, .power = 1, .slow_disk = 6}},
    Scenario{.name = "planned shutdowns",
             .nodes = 4,
             .leaders = 1,
             .mishaps = {.crash = 0, .weather = 1, .shut_down = 8}},
    Scenario{.name = "groups that lose their slots or followers",
             .nodes = 7,
             .leaders = 3,
             .chaos_ms = 20'000,
             .mishaps = {.crash = 4, .start = 3, .clear = 7, .slots = 4, .split = 2},
             .homes = true},
};

}  // namespace

const Scenario& ScenarioNamed(std::string_view name) {
  return *std::ranges::find(kScenarios, name, &Scenario::name);
}

std::span<const Scenario> Scenarios() { return kScenarios; }

}  // namespace henge::sim

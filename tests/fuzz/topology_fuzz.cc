// SPDX-License-Identifier: Apache-2.0
// The topology and its changes, from outside. By the first byte the input is a document, a change
// to a sound document, or dice for a run of changes that could be. Whatever is taken must hold what
// must hold, come back from its bytes the same, and bear more changes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cluster/topology/codec.h"
#include "cluster/topology/invariants.h"
#include "cluster/topology/sample_changes.h"

namespace {

using henge::cluster::Apply;
using henge::cluster::Topology;
using henge::cluster::TopologyPtr;

void Expect(bool holds) {
  if (!holds) std::abort();
}

// The fuzzer's bytes as dice; zeros when they are used up.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint64_t Below(uint64_t n) {
    uint64_t value = 0;
    for (uint64_t reach = 1; reach < n && !bytes_.empty(); reach <<= 8) {
      value = value << 8 | static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
    }
    return value % n;
  }

 private:
  std::string_view bytes_;
};

void IsSound(const Topology& topology) {
  Expect(CheckParts(topology.parts()).ok());
  const auto back = henge::cluster::ParseTopology(Serialize(topology));
  Expect(back.ok() && (*back)->parts() == topology.parts());
}

TopologyPtr Run(TopologyPtr topology, Bytes bytes, int most) {
  const henge::cluster::Dice dice = [&](uint64_t n) { return bytes.Below(n); };
  for (int i = 0; i < most && !bytes.empty(); ++i) {
    const auto next = Apply(*topology, SampleChange(*topology, dice));
    if (!next.ok()) continue;
    IsSound(**next);
    Expect(CheckStep(*topology, **next).ok());
    topology = *next;
  }
  return topology;
}

// Has some of everything.
const TopologyPtr& Busy() {
  static const TopologyPtr* busy = [] {
    uint64_t state = 1;
    auto topology = Topology::Empty();
    const henge::cluster::Dice dice = [&](uint64_t n) {
      state = state * 6364136223846793005 + 1442695040888963407;
      return (state >> 33) % n;
    };
    for (int i = 0; i < 2000; ++i) {
      auto next = Apply(*topology, SampleChange(*topology, dice));
      if (next.ok()) topology = *std::move(next);
    }
    return new TopologyPtr(topology);
  }();
  return *busy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    const auto topology = henge::cluster::ParseTopology(rest);
    if (!topology.ok()) return 0;
    IsSound(**topology);
    Run(*topology, Bytes(rest), 20);
  } else if (data[0] % 3 == 1) {
    const auto change = henge::cluster::ParseChange(rest);
    if (!change.ok()) return 0;
    const auto next = Apply(*Busy(), change->change, change->expected_version);
    if (next.ok()) IsSound(**next);
  } else {
    Run(Topology::Empty(), Bytes(rest), 200);
  }
  return 0;
}

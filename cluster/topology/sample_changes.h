// SPDX-License-Identifier: Apache-2.0
// Random changes for tests and fuzzers: mostly such that could be, of a small world of nodes and
// groups, and some that make no sense. Not for the product.
#pragma once

#include <functional>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

// Gives numbers below the one asked for, which is not 0: a generator, or a fuzzer's bytes.
using Dice = std::function<uint64_t(uint64_t)>;

Node SampleNode(const Dice& dice);
Change SampleChange(const Topology& topology, const Dice& dice);

}  // namespace henge::cluster

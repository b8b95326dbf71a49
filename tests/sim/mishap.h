// SPDX-License-Identifier: Apache-2.0
// What goes wrong in a run, at random, as its scenario says; and the end of all of it.
#pragma once

#include "tests/sim/world.h"

namespace henge::sim {

// Things go wrong until then.
void Disturb(World& world, int64_t until);
// Something that is hard on one node: it dies, hangs, or is heard or hears no more.
void Strike(World& world, size_t i);
// Networks are whole, disks are quick, all nodes run, and nothing more happens.
void Heal(World& world);
// Of all at once; each starts again when it does.
void CutPower(World& world);

}  // namespace henge::sim

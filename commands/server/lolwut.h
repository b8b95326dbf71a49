// SPDX-License-Identifier: Apache-2.0
// LOLWUT: a drawing of standing stones under a night sky, another one each time, in braille
// characters of two by four dots. The last line tells the version, as clients expect.
#pragma once

#include <string>

#include "base/random.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Lolwut(CommandContext& ctx, ArgReader& args);

// Lines of `columns` characters each; both at least 1. `stones` stand in the ring.
std::string DrawHenge(int columns, int rows, int stones, Random& random);

}  // namespace henge::commands

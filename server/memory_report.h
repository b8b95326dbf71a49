// SPDX-License-Identifier: Apache-2.0
// What the parts of a node cost in memory beside the data. Any thread.
#pragma once

#include "commands/services.h"

namespace henge::server {

class Node;

commands::ServerMemory MeasureServer(Node& node);

}  // namespace henge::server

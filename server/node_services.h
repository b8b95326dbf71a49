// SPDX-License-Identifier: Apache-2.0
// The node as commands see it: implements the interfaces of commands/services.h over a Node.
#pragma once

#include <memory>

#include "commands/services.h"

namespace henge::server {

class Node;

std::unique_ptr<commands::Services> MakeServices(Node& node);

}  // namespace henge::server

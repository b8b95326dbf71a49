// SPDX-License-Identifier: Apache-2.0
// From parameters to the parts of a node that follow them: what a parameter steers is written here,
// once, for the start and for CONFIG SET.
#pragma once

#include <absl/status/status.h>

#include "server/config/config.h"

namespace henge::server {

class Node;
struct NodeOptions;
struct LogOptions;

// What is read once, when the node is made.
NodeOptions OptionsFrom(const Settings& settings);

// Likewise, for the log, which is older than the node.
LogOptions LogOptionsFrom(const Settings& settings);

// Before the node starts: everything that follows a parameter takes its value.
void ApplyAllParameters(Node& node);

// One parameter has changed; any thread, one at a time. An error's message is the reason CONFIG SET
// gives; then the old value will be applied again.
absl::Status ApplyParameter(Node& node, const Parameter& parameter);

}  // namespace henge::server

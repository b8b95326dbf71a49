// SPDX-License-Identifier: Apache-2.0
// A YAML file: parameters by section (`memory: {maxmemory: 1gb}`), or by their Redis name at the
// top level (`maxmemory: 1gb`). Any thread.
//
// A list gives a parameter several words; `cluster.nodes` is a list of mappings with id, host,
// port, bus-port, priority, zone and weight. Booleans may be written as YAML writes them.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/config/directive.h"

namespace henge::server {

absl::StatusOr<std::vector<Directive>> ParseYaml(std::string_view text, const std::string& source);

// Whether a text without a telling file name is YAML: its first line that says something is
// "key:" or "key: value", or begins a YAML document.
bool LooksLikeYaml(std::string_view text);

}  // namespace henge::server

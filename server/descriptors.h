// SPDX-License-Identifier: Apache-2.0
// The process's limit on open files: each client takes one, and the node itself some. Any thread.
#pragma once

#include <cstdint>

namespace henge::server {

// Raises the limit, as far as the system permits, so that so many clients fit beside what the node
// itself opens. Returns how many fit: `clients`, or fewer.
int64_t MakeRoomForClients(int64_t clients);

}  // namespace henge::server

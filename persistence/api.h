// SPDX-License-Identifier: Apache-2.0
// The face of persistence that commands see.
#pragma once

#include "persistence/rdb/payload.h"  // IWYU pragma: export

// SPDX-License-Identifier: Apache-2.0
// How a log line's message and fields are written: as text for people or as part of a JSON object.
// Pure functions; any thread. A line stays one line whatever a client puts into it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"

namespace henge::server {

enum class LogFormat : uint8_t { kText, kJson };

// message name=value name="a value"
std::string LogText(std::string_view message, std::span<const LogField> fields);

// "message":"…","name":value: the inside of an object. Bytes that are not UTF-8 become the
// characters of the same numbers.
std::string LogJson(std::string_view message, std::span<const LogField> fields);

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
// How a unit of effects becomes bytes of the replication stream:
//
//     [MULTI] [SELECT db] effect [SELECT db] effect … [EXEC]
//
// Each is a RESP array of bulk strings. MULTI and EXEC stand around units of more than one effect,
// SELECT where the database changes. Whether the first SELECT is needed depends on the record
// before and is known last, so it is measured apart. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "persistence/effect_listener.h"

namespace henge::persistence {

// The lengths of a unit's three parts.
struct UnitLayout {
  size_t opening = 0;  // MULTI, or nothing.
  size_t select = 0;   // The first effect's SELECT.
  size_t rest = 0;
  size_t total() const { return opening + select + rest; }
};

// The longest SELECT: of a database of five digits.
inline constexpr size_t kMaxSelectBytes = 27;

UnitLayout MeasureUnit(std::span<const Effect> unit);

// Writes all three parts, layout.total() bytes.
void EncodeUnit(std::span<const Effect> unit, const UnitLayout& layout, char* out);

// The SELECT that stands before an effect, at most kMaxSelectBytes; returns its end.
char* EncodeSelect(DbIndex db, char* out);

// One command as a RESP array.
size_t MeasureCommand(std::span<const std::string_view> words);
char* EncodeCommand(std::span<const std::string_view> words, char* out);

}  // namespace henge::persistence

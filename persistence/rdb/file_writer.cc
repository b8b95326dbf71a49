// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/file_writer.h"

#include <fmt/format.h>

#include "persistence/rdb/value_writer.h"

namespace henge::persistence {

void WriteHeader(RdbWriter& writer) { writer.Raw(fmt::format("REDIS{:04}", writer.version())); }

void WriteAux(RdbWriter& writer, std::string_view name, std::string_view value) {
  writer.Opcode(RdbOpcode::kAux);
  writer.String(name);
  writer.String(value);
}

void WriteAux(RdbWriter& writer, std::string_view name, int64_t value) {
  writer.Opcode(RdbOpcode::kAux);
  writer.String(name);
  writer.Integer(value);
}

void WriteFunction(RdbWriter& writer, std::string_view code) {
  writer.Opcode(RdbOpcode::kFunction);
  writer.String(code);
}

void WriteSelect(RdbWriter& writer, DbIndex db, uint64_t keys, uint64_t keys_with_expiry) {
  writer.Opcode(RdbOpcode::kSelect);
  writer.Length(db);
  writer.Opcode(RdbOpcode::kResize);
  writer.Length(keys);
  writer.Length(keys_with_expiry);
}

void WriteKeyHead(RdbWriter& writer, const store::Entry& entry, const KeyUse& use) {
  if (entry.has_expiry()) {
    writer.Opcode(RdbOpcode::kExpiryMs);
    writer.Millis(entry.expiry());
  }
  if (use.idle_seconds) {
    writer.Opcode(RdbOpcode::kIdle);
    writer.Length(*use.idle_seconds);
  }
  if (use.frequency) {
    writer.Opcode(RdbOpcode::kFrequency);
    writer.Byte(*use.frequency);
  }
  writer.Type(RdbTypeOf(entry, writer.version()));
  writer.String(entry.key());
}

void WriteKey(RdbWriter& writer, const store::Entry& entry, const KeyUse& use) {
  WriteKeyHead(writer, entry, use);
  WriteBody(entry, writer);
}

void WriteEnd(RdbWriter& writer) { writer.Opcode(RdbOpcode::kEnd); }

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
// What an RDB file consists of, appended to a writer's buffer:
//
//   header  aux*  function*  (select  key*)*  end  checksum
//
// The parts between header and end may be written into separate buffers, by several threads, and
// joined in any order that keeps each select before its keys; a database may be selected again.
// Pure: no file, no clock. The checksum is of all bytes before it, in the file's order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "persistence/rdb/crc64.h"
#include "persistence/rdb/rdb_writer.h"
#include "store/entry.h"

namespace henge::persistence {

// The version that a file must have so that fields of hashes keep their deadlines: what was asked
// for, or the version that has them if that was the default. Older ones lose them.
constexpr int FileVersion(int asked, bool has_field_deadlines) {
  return has_field_deadlines && asked == kRdbDefaultVersion ? kRdbNewestVersion : asked;
}

void WriteHeader(RdbWriter& writer);
void WriteAux(RdbWriter& writer, std::string_view name, std::string_view value);
void WriteAux(RdbWriter& writer, std::string_view name, int64_t value);
void WriteFunction(RdbWriter& writer, std::string_view code);
// The keys that follow are this database's; so many of them in all, and with a deadline.
void WriteSelect(RdbWriter& writer, DbIndex db, uint64_t keys, uint64_t keys_with_expiry);

// How a key was used, where eviction wants to know.
struct KeyUse {
  std::optional<uint64_t> idle_seconds;
  std::optional<uint8_t> frequency;
};
// REQUIRES: the lock of the entry's shard.
void WriteKey(RdbWriter& writer, const store::Entry& entry, const KeyUse& use = {});
// Without the value, for who writes that by itself.
void WriteKeyHead(RdbWriter& writer, const store::Entry& entry, const KeyUse& use = {});

void WriteEnd(RdbWriter& writer);

// The file's last eight bytes.
class FileChecksum {
 public:
  void Add(std::string_view bytes) { crc_ = Crc64(crc_, bytes); }
  uint64_t value() const { return crc_; }
  // `checked` false: zeros, which say that there is none.
  std::string Trailer(bool checked) const {
    const uint64_t crc = checked ? crc_ : 0;
    return {reinterpret_cast<const char*>(&crc), sizeof(crc)};
  }

 private:
  uint64_t crc_ = 0;
};

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
// A string value as a reply or as bytes, whatever its encoding.
#pragma once

#include <string_view>

#include "base/numbers.h"
#include "commands/context.h"
#include "proto/reply_writer.h"
#include "store/entry.h"

namespace henge::commands {

// The value's bytes; integers are printed into the object, so it must outlive the view.
class StringBytes {
 public:
  // REQUIRES: a string entry, or null for the empty string.
  explicit StringBytes(const store::Entry* entry) {
    if (entry == nullptr) return;
    if (entry->is_integer()) {
      view_ = {digits_, FormatInt64(entry->integer(), digits_)};
    } else {
      view_ = entry->bytes();
    }
  }
  StringBytes(const StringBytes&) = delete;
  StringBytes& operator=(const StringBytes&) = delete;
  std::string_view view() const { return view_; }

 private:
  char digits_[24];
  std::string_view view_;
};

// Whether the entry is no string; replies WRONGTYPE then.
inline bool IsOtherType(CommandContext& ctx, const store::Entry* entry) {
  if (entry->type() == store::Type::kString) return false;
  ctx.reply.Error(errors::kWrongType);
  return true;
}

// REQUIRES: a string entry.
inline void ReplyString(proto::ReplyWriter& reply, const store::Entry& entry) {
  if (entry.is_integer()) return reply.BulkInteger(entry.integer());
  if (entry.is_external()) return reply.BulkBlob(BlobRef::Share(entry.blob()));
  reply.Bulk(entry.bytes());
}

}  // namespace henge::commands

// SPDX-License-Identifier: Apache-2.0
// Writes RESP2 or RESP3 replies (https://redis.io/docs/reference/protocol-spec) into a ReplyBuffer.
//
// Handlers say what they mean (Map, Set, Double, Null); the connection's protocol decides the
// bytes: under RESP2 a map is a flat array, a double a bulk string, a boolean an integer. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/blob.h"
#include "proto/reply_buffer.h"

namespace henge::proto {

// Values from this size on are sent from their Blob instead of being copied.
inline constexpr size_t kAttachFrom = 16 * 1024;

class ReplyWriter {
 public:
  explicit ReplyWriter(ReplyBuffer& out, int protocol = 2) : out_(&out), protocol_(protocol) {}

  int protocol() const { return protocol_; }
  bool resp3() const { return protocol_ == 3; }
  void set_protocol(int protocol) { protocol_ = protocol; }
  ReplyBuffer& buffer() { return *out_; }
  void set_buffer(ReplyBuffer& out) { out_ = &out; }

  void Ok() { out_->Append("+OK\r\n"); }
  void Simple(std::string_view text);
  // The text with its code and without the dash: "WRONGTYPE Operation …". CR and LF become spaces.
  void Error(std::string_view text);
  // An error that was counted where it arose: it has no code here.
  void RelayError(std::string_view text);
  void Integer(int64_t value);
  void Bulk(std::string_view bytes);
  void BulkBlob(const BlobRef& blob);
  void BulkInteger(int64_t value);  // The digits as a bulk string.
  void Null();                      // RESP2: the null bulk string.
  void NullArray();                 // RESP2: the null array. RESP3: as Null.
  void Array(size_t size) { Header('*', size); }
  void Map(size_t pairs) { resp3() ? Header('%', pairs) : Header('*', pairs * 2); }
  void Set(size_t size) { Header(resp3() ? '~' : '*', size); }
  void Push(size_t size) { Header(resp3() ? '>' : '*', size); }
  // An array or map whose size is known only at its end: `guess` is written, and put right by
  // Close, inner ones first. Nothing in between may be attached (BulkBlob of large values).
  struct Open {
    ReplyBuffer::Mark mark;
    size_t bytes;
    size_t size;
    bool map;
  };
  Open OpenArray(size_t guess);
  Open OpenMap(size_t guess);
  void Close(const Open& open, size_t size);
  void Attribute(size_t pairs) { Header('|', pairs); }  // RESP3 only.
  void Double(double value);
  void DoubleText(std::string_view digits);  // A double in other digits than Double's.
  void Bool(bool value);
  void BigNumber(std::string_view digits);
  void Verbatim(std::string_view format, std::string_view text);  // Format of three letters.

  // How many errors were written, and the last one's first word ("WRONGTYPE"); for statistics.
  uint64_t errors() const { return errors_; }
  std::string_view last_error_code() const { return last_error_code_; }

 private:
  void Header(char kind, size_t size);
  ReplyBuffer* out_;
  int protocol_;
  uint64_t errors_ = 0;
  std::string last_error_code_;
};

}  // namespace henge::proto

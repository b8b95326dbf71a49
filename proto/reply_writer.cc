// SPDX-License-Identifier: Apache-2.0
#include "proto/reply_writer.h"

#include <cmath>

#include "base/numbers.h"

namespace henge::proto {
namespace {

constexpr size_t kMaxHeader = 32;  // A type byte, twenty digits, CR LF, with room to spare.

char* PutLine(char* p, char kind, int64_t value) {
  *p++ = kind;
  p += FormatInt64(value, p);
  *p++ = '\r';
  *p++ = '\n';
  return p;
}

}  // namespace

void ReplyWriter::Header(char kind, size_t size) {
  char* start = out_->Reserve(kMaxHeader);
  out_->Commit(static_cast<size_t>(PutLine(start, kind, static_cast<int64_t>(size)) - start));
}

ReplyWriter::Open ReplyWriter::OpenArray(size_t guess) {
  const auto mark = out_->GetMark();
  Array(guess);
  return {mark, out_->Since(mark).size(), guess, false};
}

ReplyWriter::Open ReplyWriter::OpenMap(size_t guess) {
  const auto mark = out_->GetMark();
  Map(guess);
  return {mark, out_->Since(mark).size(), guess, true};
}

void ReplyWriter::Close(const Open& open, size_t size) {
  if (size == open.size) return;
  char header[kMaxHeader];
  const char kind = open.map && resp3() ? '%' : '*';
  const size_t items = open.map && !resp3() ? 2 * size : size;
  const char* end = PutLine(header, kind, static_cast<int64_t>(items));
  out_->Replace(open.mark, open.bytes, {header, static_cast<size_t>(end - header)});
}

void ReplyWriter::Simple(std::string_view text) {
  char* p = out_->Reserve(text.size() + 3);
  *p++ = '+';
  if (!text.empty()) std::memcpy(p, text.data(), text.size());
  std::memcpy(p + text.size(), "\r\n", 2);
  out_->Commit(text.size() + 3);
}

void ReplyWriter::Error(std::string_view text) {
  RelayError(text);
  last_error_code_ = text.substr(0, text.find_first_of(" \r\n"));
}

void ReplyWriter::RelayError(std::string_view text) {
  ++errors_;
  last_error_code_.clear();
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
  char* p = out_->Reserve(text.size() + 3);
  *p++ = '-';
  for (const char c : text) *p++ = c == '\r' || c == '\n' ? ' ' : c;
  std::memcpy(p, "\r\n", 2);
  out_->Commit(text.size() + 3);
}

void ReplyWriter::Integer(int64_t value) {
  char* start = out_->Reserve(kMaxHeader);
  out_->Commit(static_cast<size_t>(PutLine(start, ':', value) - start));
}

void ReplyWriter::Bulk(std::string_view bytes) {
  char* start = out_->Reserve(bytes.size() + kMaxHeader + 2);
  char* p = PutLine(start, '$', static_cast<int64_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  p += bytes.size();
  *p++ = '\r';
  *p++ = '\n';
  out_->Commit(static_cast<size_t>(p - start));
}

void ReplyWriter::BulkBlob(const BlobRef& blob) {
  if (blob->size() < kAttachFrom) return Bulk(blob->view());
  Header('$', blob->size());
  out_->Attach(blob);
  out_->Append("\r\n");
}

void ReplyWriter::BulkInteger(int64_t value) {
  char digits[24];
  Bulk({digits, FormatInt64(value, digits)});
}

void ReplyWriter::Null() { out_->Append(resp3() ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::NullArray() { out_->Append(resp3() ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::Double(double value) { DoubleText(FormatDouble(value)); }

void ReplyWriter::DoubleText(std::string_view digits) {
  if (!resp3()) return Bulk(digits);
  out_->Append(",");
  out_->Append(digits);
  out_->Append("\r\n");
}

void ReplyWriter::Bool(bool value) {
  if (!resp3()) return Integer(value ? 1 : 0);
  out_->Append(value ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::BigNumber(std::string_view digits) {
  if (!resp3()) return Bulk(digits);
  out_->Append("(");
  out_->Append(digits);
  out_->Append("\r\n");
}

void ReplyWriter::Verbatim(std::string_view format, std::string_view text) {
  if (!resp3()) return Bulk(text);
  Header('=', text.size() + 4);
  out_->Append(format);
  out_->Append(":");
  out_->Append(text);
  out_->Append("\r\n");
}

}  // namespace henge::proto

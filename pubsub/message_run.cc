// SPDX-License-Identifier: Apache-2.0
#include "pubsub/message_run.h"

#include "base/numbers.h"

namespace henge::pubsub {
namespace {

constexpr size_t kMaxBulkHeader = 24;
// A longer run is cut, so that a slow reader's memory is given back by and by. A message that
// alone is as long is sent from its own blob.
constexpr size_t kMostBytes = 16 * 1024;

char* PutBulk(char* to, std::string_view bytes) {
  *to++ = '$';
  to += FormatInt64(static_cast<int64_t>(bytes.size()), to);
  *to++ = '\r';
  *to++ = '\n';
  CopyBytes(to, bytes);
  to += bytes.size();
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

std::string HeadOf(Kind kind, std::string_view name, char type) {
  std::string head(1, type);
  if (kind == Kind::kChannel) return head += "3\r\n$7\r\nmessage\r\n";
  if (kind == Kind::kShardChannel) return head += "3\r\n$8\r\nsmessage\r\n";
  head += "4\r\n$8\r\npmessage\r\n";
  const size_t start = head.size();
  head.resize(start + name.size() + kMaxBulkHeader + 2);
  const char* end = PutBulk(head.data() + start, name);
  head.resize(static_cast<size_t>(end - head.data()));
  return head;
}

char* Put(char* to, std::string_view bytes) {
  CopyBytes(to, bytes);
  return to + bytes.size();
}

}  // namespace

Topic::Topic(Kind topic_kind, std::string_view topic_name, size_t workers)
    : kind(topic_kind),
      name(topic_name),
      heads{HeadOf(topic_kind, topic_name, '*'), HeadOf(topic_kind, topic_name, '>')},
      by_worker(workers) {}

BlobRef EncodeBody(std::string_view channel, std::string_view payload) {
  const size_t most = channel.size() + payload.size() + 2 * (kMaxBulkHeader + 2);
  Blob* blob = Blob::New(most, most);
  char* end = PutBulk(blob->data(), channel);
  end = PutBulk(end, payload);
  blob->set_size(static_cast<size_t>(end - blob->data()));
  return BlobRef::Adopt(blob);
}

MessageRun::MessageRun(std::span<const Sent> messages, size_t receivers) : receivers_(receivers) {
  const Topic* topic = messages.front().topic.get();
  size_t count = 0;
  for (; count < messages.size() && messages[count].topic.get() == topic; ++count) {
    const size_t more = topic->heads[0].size() + messages[count].body->size();
    if (count > 0 && bytes_ + more > kMostBytes) break;
    bytes_ += more;
  }
  messages_ = messages.first(count);
}

const BlobRef& MessageRun::Shared(bool resp3) {
  BlobRef& shared = shared_[resp3 ? 1 : 0];
  if (shared) return shared;
  Blob* blob = Blob::New(bytes_, bytes_);
  char* to = blob->data();
  ForEach(resp3, [&](std::string_view head, const BlobRef& body) {
    to = Put(Put(to, head), body->view());
  });
  return shared = BlobRef::Adopt(blob);
}

}  // namespace henge::pubsub

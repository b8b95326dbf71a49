// SPDX-License-Identifier: Apache-2.0
#include "proto/reply_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

namespace henge::proto {
namespace {

// All that is pending, as the socket would see it, taken in pieces of `step` bytes.
std::string Drain(ReplyBuffer& out, size_t step = 1 << 30) {
  std::string bytes;
  while (!out.empty()) {
    iovec vectors[3];
    const int n = out.Vectors(vectors, 3);
    size_t left = step;
    size_t taken = 0;
    for (int i = 0; i < n && left > 0; ++i) {
      const size_t part = std::min(left, vectors[i].iov_len);
      bytes.append(static_cast<const char*>(vectors[i].iov_base), part);
      left -= part;
      taken += part;
    }
    out.Sent(taken);
  }
  return bytes;
}

template <class F>
std::string Written(int protocol, F write) {
  ReplyBuffer out;
  ReplyWriter reply(out, protocol);
  write(reply);
  return Drain(out);
}

TEST(ReplyWriter, PutsSizesRightThatWereGuessed) {
  const auto nested = [](ReplyWriter& r) {
    r.Bulk("before");
    const auto outer = r.OpenMap(1);
    for (int i = 0; i < 12; ++i) {
      r.Integer(i);
      const auto inner = r.OpenArray(100);
      for (int j = 0; j < i; ++j) r.Integer(j);
      r.Close(inner, static_cast<size_t>(i));
    }
    r.Close(outer, 12);
  };
  const auto told = [](ReplyWriter& r) {
    r.Bulk("before");
    r.Map(12);
    for (int i = 0; i < 12; ++i) {
      r.Integer(i);
      r.Array(static_cast<size_t>(i));
      for (int j = 0; j < i; ++j) r.Integer(j);
    }
  };
  for (const int protocol : {2, 3}) EXPECT_EQ(Written(protocol, nested), Written(protocol, told));
}

TEST(ReplyWriter, WritesResp2) {
  const auto r2 = [](auto write) { return Written(2, write); };
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Ok(); }), "+OK\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Bulk("a\r\nb"); }), "$4\r\na\r\nb\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Null(); }), "$-1\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.NullArray(); }), "*-1\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Map(2); }), "*4\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Set(3); }), "*3\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Double(1.5); }), "$3\r\n1.5\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Bool(true); }), ":1\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Verbatim("txt", "hi"); }), "$2\r\nhi\r\n");
  EXPECT_EQ(r2([](ReplyWriter& r) { r.Integer(std::numeric_limits<int64_t>::min()); }),
            ":-9223372036854775808\r\n");
}

TEST(ReplyWriter, WritesResp3) {
  const auto r3 = [](auto write) { return Written(3, write); };
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Null(); }), "_\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.NullArray(); }), "_\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Map(2); }), "%2\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Set(3); }), "~3\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Push(3); }), ">3\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Double(1.5); }), ",1.5\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Bool(false); }), "#f\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.BigNumber("123"); }), "(123\r\n");
  EXPECT_EQ(r3([](ReplyWriter& r) { r.Verbatim("txt", "hi"); }), "=6\r\ntxt:hi\r\n");
}

TEST(ReplyWriter, ErrorsNeverBreakTheLine) {
  ReplyBuffer out;
  ReplyWriter reply(out);
  reply.Error("ERR bad\r\n+OK");
  EXPECT_EQ(Drain(out), "-ERR bad  +OK\r\n");
  EXPECT_EQ(reply.errors(), 1u);
  EXPECT_EQ(reply.last_error_code(), "ERR");
}

TEST(ReplyBuffer, SendsLargeValuesFromWhereTheyLie) {
  std::string expected;
  ReplyBuffer out;
  ReplyWriter reply(out);
  for (int i = 0; i < 3; ++i) {
    BlobRef blob = BlobRef::Adopt(Blob::New(kAttachFrom + static_cast<size_t>(i), 0));
    std::memset(blob->data(), 'a' + i, blob->size());
    reply.Ok();
    reply.BulkBlob(blob);
    EXPECT_FALSE(blob->Unique());
    expected +=
        "+OK\r\n$" + std::to_string(blob->size()) + "\r\n" + std::string(blob->view()) + "\r\n";
  }
  EXPECT_EQ(out.pending(), expected.size());
  EXPECT_EQ(Drain(out, 777), expected);
}

// A reader that takes a little now and then, while replies are added.
TEST(ReplyBuffer, SendsAndSealsInBetween) {
  std::string expected;
  std::string sent;
  ReplyBuffer out;
  ReplyWriter reply(out);
  const auto send = [&](size_t most) {
    iovec vector;
    if (out.Vectors(&vector, 1) == 0) return;
    const size_t n = std::min(most, vector.iov_len);
    sent.append(static_cast<const char*>(vector.iov_base), n);
    out.Sent(n);
  };
  for (size_t i = 0; i < 3000; ++i) {
    const std::string value(i % 200, static_cast<char>('a' + i % 26));
    reply.Bulk(value);
    expected += "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
    if (i % 50 == 0) {
      BlobRef blob = BlobRef::Adopt(Blob::New(kAttachFrom, 0));
      std::memset(blob->data(), 'A' + static_cast<int>(i / 50 % 26), blob->size());
      reply.BulkBlob(blob);
      expected += "$" + std::to_string(kAttachFrom) + "\r\n" + std::string(blob->view()) + "\r\n";
    }
    send(i % 177);
    if (i % 17 == 0) out.Seal();
    ASSERT_EQ(sent.size() + out.pending(), expected.size());
  }
  EXPECT_GT(out.pending(), 200'000u);
  EXPECT_LT(out.capacity(), 200'000u);  // The rest is sealed.
  EXPECT_EQ(sent + Drain(out, 1000), expected);
  EXPECT_TRUE(out.empty());
}

TEST(ReplyBuffer, GivesBackWhatIsSent) {
  ReplyBuffer out;
  ReplyWriter reply(out);
  BlobRef first = BlobRef::Adopt(Blob::New(kAttachFrom, 0));
  BlobRef second = BlobRef::Adopt(Blob::New(kAttachFrom, 0));
  reply.BulkBlob(first);
  reply.BulkBlob(second);
  out.Sent(kAttachFrom + 20);
  EXPECT_TRUE(first->Unique());
  EXPECT_FALSE(second->Unique());
}

TEST(ReplyBuffer, TruncatesToAMark) {
  ReplyBuffer out;
  ReplyWriter reply(out);
  reply.Ok();
  const auto mark = out.GetMark();
  BlobRef blob = BlobRef::Adopt(Blob::New(kAttachFrom, 0));
  reply.BulkBlob(blob);
  out.TruncateTo(mark);
  EXPECT_TRUE(blob->Unique());
  EXPECT_EQ(Drain(out), "+OK\r\n");
}

}  // namespace
}  // namespace henge::proto

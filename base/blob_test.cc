// SPDX-License-Identifier: Apache-2.0
#include "base/blob.h"

#include <gtest/gtest.h>

#include <string>

namespace henge {
namespace {

Blob* BlobOf(std::string_view bytes, size_t capacity) {
  Blob* blob = Blob::New(bytes.size(), capacity);
  std::memcpy(blob->data(), bytes.data(), bytes.size());
  return blob;
}

TEST(Blob, CoversAPart) {
  BlobRef blob = BlobRef::Adopt(BlobOf("0123456789", 16));
  blob->Cover(blob->view().substr(2, 5));
  EXPECT_EQ(blob->view(), "23456");
  EXPECT_EQ(blob->capacity(), 14u);
  blob->Cover({blob->data() - 1, 3});
  EXPECT_EQ(blob->view(), "123");
  EXPECT_EQ(blob->capacity(), 15u);
}

TEST(Blob, ResizesWhatItCovers) {
  Blob* blob = BlobOf("0123456789", 10);
  blob->Cover(blob->view().substr(4));
  blob = Blob::Resize(blob, 10'000);
  EXPECT_EQ(blob->view(), "456789");
  EXPECT_EQ(blob->capacity(), 10'000u);
  std::memset(blob->data(), 'x', 10'000);  // ASan watches.
  blob->Unref();
}

TEST(ArgumentBlob, IsKeptByWhoTakesNearlyAllOfIt) {
  const std::string command = "SET k " + std::string(1000, 'v') + "\r\n";
  BlobRef blob = BlobRef::Adopt(BlobOf(command, command.size()));
  const std::string_view value = blob->view().substr(6, 1000);
  const ArgumentBlob arguments(blob.get());
  const BlobRef first = ArgumentBlob::Keep(value);
  EXPECT_EQ(first.get(), blob.get());
  EXPECT_EQ(first->view(), value);
  const BlobRef second = ArgumentBlob::Keep(value);  // Shared already.
  EXPECT_NE(second.get(), blob.get());
  EXPECT_EQ(second->view(), value);
}

TEST(ArgumentBlob, IsCopiedFromOtherwise) {
  BlobRef blob = BlobRef::Adopt(BlobOf(std::string(1000, 'v'), 1000));
  const std::string elsewhere(1000, 'e');
  {
    const ArgumentBlob arguments(blob.get());
    EXPECT_NE(ArgumentBlob::Keep(blob->view().substr(0, 500)).get(), blob.get());
    EXPECT_EQ(ArgumentBlob::Keep(elsewhere)->view(), elsewhere);
  }
  EXPECT_NE(ArgumentBlob::Keep(blob->view()).get(), blob.get());  // Nobody says so any more.
  EXPECT_TRUE(blob->Unique());
}

}  // namespace
}  // namespace henge

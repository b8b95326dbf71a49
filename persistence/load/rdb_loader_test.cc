// SPDX-License-Identifier: Apache-2.0
#include "persistence/load/rdb_loader.h"

#include <gtest/gtest.h>

#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_writer.h"
#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::persistence {
namespace {

constexpr uint64_t kKeys = 30'000;  // So many that tables are laid out beforehand.

std::string NameOf(uint64_t i) { return "key:" + std::to_string(i); }

// Strings in database 1; `twice` comes again at the end.
std::string FileOf(uint64_t keys, std::optional<uint64_t> twice = std::nullopt) {
  std::string file;
  RdbWriter writer(file, {});
  WriteHeader(writer);
  WriteSelect(writer, 1, keys, 0);
  const auto write = [&](uint64_t i) {
    const store::OwnedEntry entry(store::Entry::NewString(NameOf(i), std::to_string(i), kNoExpiry));
    WriteKey(writer, *entry, {});
  };
  for (uint64_t i = 0; i < keys; ++i) write(i);
  if (twice) write(*twice);
  WriteEnd(writer);
  FileChecksum sum;
  sum.Add(file);
  return file + sum.Trailer(true);
}

store::StoreOptions SmallStore() {
  store::StoreOptions options;
  options.shards = 16;
  options.databases = 2;
  return options;
}

TEST(RdbLoader, SeveralThreadsPutEveryKeyWhereItBelongs) {
  const std::string file = FileOf(kKeys);
  for (const int threads : {1, 3}) {
    store::Store store(SmallStore());
    LoadProgress progress;
    const auto loaded = LoadRdb(file, store, {.threads = threads}, progress);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(store.KeyCount(1), kKeys);
    EXPECT_EQ(store.KeyCount(0), 0u);
    EXPECT_EQ(progress.keys.load(), kKeys);
    store::LockSet locks(store);
    locks.AddAll();
    locks.Lock();
    store::Unheard unheard;
    store::Keyspace keyspace(store, locks, unheard, 1, 0);
    for (uint64_t i = 0; i < kKeys; i += 97) {
      const std::string name = NameOf(i);
      store::Entry* entry = keyspace.Find(store::Key::Of(name));
      ASSERT_NE(entry, nullptr) << name;
      EXPECT_EQ(entry->integer(), static_cast<int64_t>(i));
    }
  }
}

TEST(RdbLoader, AKeyThatComesTwiceIsDamageUnlessItReplaces) {
  const std::string file = FileOf(5000, 17);
  store::Store refusing(SmallStore());
  LoadProgress progress;
  const auto refused = LoadRdb(file, refusing, {.threads = 2}, progress);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.status().message()).find("'key:17' for the second time"),
            std::string::npos);
  store::Store replacing(SmallStore());
  RdbLoadOptions options{.threads = 2};
  options.replace = true;
  EXPECT_TRUE(LoadRdb(file, replacing, options, progress).ok());
  EXPECT_EQ(replacing.KeyCount(1), 5000u);
}

TEST(RdbLoader, EndsOnceItIsCancelled) {
  const std::string file = FileOf(kKeys);
  for (const int threads : {0, 2}) {
    store::Store store(SmallStore());
    LoadProgress progress;
    const std::atomic<bool> cancelled{true};
    RdbLoadOptions options{.threads = threads};
    options.cancelled = &cancelled;
    const auto loaded = LoadRdb(file, store, options, progress);
    EXPECT_TRUE(absl::IsCancelled(loaded.status())) << loaded.status();
    EXPECT_EQ(store.KeyCount(1), 0u);
  }
}

}  // namespace
}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
// The expiry of fields as a whole: hashes in a keyspace, changed at random while time goes on and
// the expiry cycle runs, beside a std::map.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/expiry_cycle.h"
#include "store/expiry_index.h"
#include "store/hash/hash.h"
#include "store/keyspace.h"
#include "store/keyspace_modify.h"

namespace henge::store {
namespace {

constexpr uint64_t kAllTheTimeItTakes = 60'000'000;
constexpr Event kChanged{EventClass::kHash, "changed"};

struct Field {
  std::string value;
  UnixMillis deadline = kNoExpiry;
};
struct ModelHash {
  std::map<std::string, Field> fields;  // What nobody deleted, expired or not.
  UnixMillis deadline = kNoExpiry;      // The key's.
};

class FieldExpiry : public ::testing::TestWithParam<int>, public EffectSink {
 public:
  // Each field that expires is told of once, and was due.
  void OnMembersExpired(DbIndex, const Key& key, const Event& event,
                        std::span<const std::string> members, bool emptied) override {
    EXPECT_EQ(event.name, "hexpired");
    expired_ += members.size();
    const auto hash = model_.find(std::string(key.bytes));
    ASSERT_NE(hash, model_.end()) << key.bytes;
    for (const std::string& name : members) {
      const auto field = hash->second.fields.find(name);
      ASSERT_NE(field, hash->second.fields.end()) << key.bytes << " " << name;
      EXPECT_FALSE(Live(field->second)) << key.bytes << " " << name;
      hash->second.fields.erase(field);
    }
    EXPECT_EQ(emptied, hash->second.fields.empty());
    if (emptied) model_.erase(hash);
  }
  void OnEffect(DbIndex, const Key& key, const Event& event, Change) override {
    if (event.name != "expired") return;
    const auto hash = model_.find(std::string(key.bytes));
    ASSERT_NE(hash, model_.end());
    EXPECT_LT(hash->second.deadline, Now());
    model_.erase(hash);
  }

 protected:
  FieldExpiry() {
    auto& limit = store_.settings().encodings.hash_max_listpack_entries;
    limit.store(GetParam() % 3 == 0 ? 512 : 8, std::memory_order_relaxed);
  }

  UnixMillis Now() const { return clock_.NowMillis(); }
  bool Live(const Field& field) const {
    return field.deadline == kNoExpiry || field.deadline >= Now();
  }
  std::string AnyKey() { return "hash" + std::to_string(random_.Below(keys_)); }
  std::string AnyField() { return "f" + std::to_string(random_.Below(fields_)); }
  UnixMillis AnyDeadline() {
    constexpr uint64_t kSpans[] = {10, 300, 5000, 100'000};
    return Now() + static_cast<UnixMillis>(random_.Below(kSpans[random_.Below(4)]));
  }

  // Runs fn(keyspace) with every shard locked.
  template <class F>
  void With(F fn) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    Keyspace keyspace(store_, locks, *this, 0, Now());
    fn(keyspace);
  }
  template <class F>
  void Modify(const std::string& name, Keyspace::IfAbsent absent, F change) {
    With([&](Keyspace& keyspace) {
      keyspace.Modify(Key::Of(name), Type::kHash, absent, kChanged, [&](Entry& entry) {
        Hash hash(entry, store_.settings().encodings, Now());
        return change(hash);
      });
    });
  }
  // What is past its time at the key level is gone for whoever changes it.
  ModelHash* Find(const std::string& name) {
    const auto hash = model_.find(name);
    return hash == model_.end() ? nullptr : &hash->second;
  }
  void DropIfEmpty(const std::string& name) {
    if (model_.contains(name) && model_[name].fields.empty()) model_.erase(name);
  }

  void SetFields();
  void ChangeFields();
  void ChangeKeys();
  void Check();

  Random random_{static_cast<uint64_t>(GetParam())};
  uint64_t keys_ = 1 + random_.Below(20);
  uint64_t fields_ = 1 + random_.Below(GetParam() % 2 == 0 ? 700 : 12);
  ManualClock clock_;
  Store store_{{.shards = 4, .databases = 1}};
  ExpiryCycle cycle_{store_, {0, 4}, *this};
  std::map<std::string, ModelHash> model_;
  size_t expired_ = 0;
};

// HSET, HSETEX.
void FieldExpiry::SetFields() {
  const std::string key = AnyKey();
  Modify(key, Keyspace::IfAbsent::kCreate, [&](Hash& hash) {
    for (uint64_t n = 1 + random_.Below(6); n > 0; --n) {
      const std::string name = AnyField();
      const std::string value(random_.Below(90), 'v');
      auto& fields = model_[key].fields;
      const auto old = fields.find(name);
      const bool live = old != fields.end() && Live(old->second);
      EXPECT_EQ(hash.Set(name, value), !live);
      fields[name] = {value};
      if (random_.Below(3) != 0) continue;
      fields[name].deadline = AnyDeadline();
      hash.SetDeadline(name, fields[name].deadline);
    }
    return true;
  });
}

// HEXPIRE, HPERSIST, HDEL.
void FieldExpiry::ChangeFields() {
  const std::string key = AnyKey();
  const std::string name = AnyField();
  const uint64_t kind = random_.Below(4);
  Modify(key, Keyspace::IfAbsent::kLeave, [&](Hash& hash) {
    auto& fields = model_[key].fields;
    const auto field = fields.find(name);
    const bool live = field != fields.end() && Live(field->second);
    EXPECT_EQ(hash.Has(name), live);
    if (!live) return false;
    if (kind == 0) {
      fields.erase(field);
      EXPECT_TRUE(hash.Delete(name));
    } else {
      field->second.deadline = kind == 1 ? kNoExpiry : AnyDeadline();
      hash.SetDeadline(name, field->second.deadline);
    }
    return true;
  });
  DropIfEmpty(key);
}

// COPY, RENAME, EXPIRE, PERSIST, DEL.
void FieldExpiry::ChangeKeys() {
  const std::string from = AnyKey();
  const std::string to = AnyKey();
  const uint64_t kind = random_.Below(10);
  With([&](Keyspace& keyspace) {
    Entry* entry = keyspace.Find(Key::Of(from));
    EXPECT_EQ(entry != nullptr, model_.contains(from));
    if (entry == nullptr || (kind < 6 && from == to)) return;
    if (kind < 4) {
      keyspace.CopyTo(keyspace, Key::Of(from), Key::Of(to));
      model_[to] = model_[from];
    } else if (kind < 6) {
      keyspace.Rename(Key::Of(from), Key::Of(to));
      model_[to] = model_[from];
      model_.erase(from);
    } else if (kind < 9) {
      model_[from].deadline = kind == 6 ? kNoExpiry : Now() + 1 + random_.Below(20'000);
      keyspace.SetExpiry(Key::Of(from), entry, model_[from].deadline, kChanged);
    } else {
      keyspace.Delete(Key::Of(from), events::kDel);
      model_.erase(from);
    }
  });
}

// What is there agrees, fields that wait to be deleted included.
void FieldExpiry::Check() {
  std::map<std::string, ModelHash> found;
  With([&](Keyspace& keyspace) {
    for (uint64_t i = 0; i < keys_; ++i) {
      const std::string name = "hash" + std::to_string(i);
      Entry* entry = keyspace.Peek(Key::Of(name));
      if (entry == nullptr) continue;
      ModelHash& own = found[name];
      own.deadline = entry->expiry();
      UnixMillis earliest = kNoExpiry;
      Hash(*entry, store_.settings().encodings, Now())
          .ForEachWithDeadline([&](const FieldText& field, const FieldText& value, UnixMillis at) {
            ListpackElement::Digits a, b;
            own.fields[std::string(field.Text(a))] = {std::string(value.Text(b)), at};
            if (at != kNoExpiry && (earliest == kNoExpiry || at < earliest)) earliest = at;
          });
      EXPECT_EQ(entry->member_deadline(), earliest) << name;
    }
  });
  ASSERT_EQ(found.size(), model_.size());
  for (const auto& [name, hash] : model_) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name].deadline, hash.deadline) << name;
    ASSERT_EQ(found[name].fields.size(), hash.fields.size()) << name;
    for (const auto& [field_name, field] : hash.fields) {
      ASSERT_TRUE(found[name].fields.contains(field_name));
      EXPECT_EQ(found[name].fields[field_name].value, field.value);
      EXPECT_EQ(found[name].fields[field_name].deadline, field.deadline);
    }
  }
  EXPECT_EQ(store_.KeyCount(0), model_.size());
}

TEST_P(FieldExpiry, AgreesWithAMap) {
  for (int round = 0; round < 60; ++round) {
    for (int step = 0; step < 60; ++step) {
      const uint64_t kind = random_.Below(10);
      if (kind < 4) SetFields();
      if (kind >= 4 && kind < 7) ChangeFields();
      if (kind == 7) ChangeKeys();
      if (kind == 8) clock_.Advance(static_cast<int64_t>(random_.Below(400)));
      if (kind == 9) cycle_.Run(Now(), random_.Below(2) * kAllTheTimeItTakes);
      if (HasFatalFailure()) return;
    }
    ASSERT_NO_FATAL_FAILURE(Check());
    // After a pause and a whole run nothing is left that was due before the pause.
    const UnixMillis before = Now();
    clock_.Advance(2 * ExpiryIndex::kTickMs);
    EXPECT_FALSE(cycle_.Run(Now(), kAllTheTimeItTakes));
    for (const auto& [name, hash] : model_) {
      EXPECT_TRUE(hash.deadline == kNoExpiry || hash.deadline >= before) << name;
      for (const auto& [field_name, field] : hash.fields) {
        EXPECT_TRUE(field.deadline == kNoExpiry || field.deadline >= before)
            << name << " " << field_name;
      }
    }
    ASSERT_NO_FATAL_FAILURE(Check());
    if (round % 10 == 9) {  // Long enough for all: only what has no deadline stays.
      clock_.Advance(200'000);
      cycle_.Run(Now(), kAllTheTimeItTakes);
      ASSERT_NO_FATAL_FAILURE(Check());
    }
  }
  EXPECT_GT(expired_, 10u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FieldExpiry, ::testing::Range(1, 25));

}  // namespace
}  // namespace henge::store

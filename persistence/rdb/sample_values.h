// SPDX-License-Identifier: Apache-2.0
// For tests: values of every type and encoding, and what they say.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "store/entry.h"
#include "store/hash/hash.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/store.h"
#include "store/stream/stream.h"
#include "store/stream/stream_reader.h"

namespace henge::persistence {

class SampleValues {
 public:
  // `divisor`: makes large ones, and the limits from which on they are, so many times smaller.
  explicit SampleValues(int divisor = 1)
      : store_({.shards = 1, .databases = 1}), divisor_(divisor) {
    store::EncodingLimits& all = store_.settings().encodings;
    for (auto* limit : {&all.hash_max_listpack_entries, &all.set_max_intset_entries,
                        &all.set_max_listpack_entries, &all.zset_max_listpack_entries}) {
      limit->store(std::max<int64_t>(4, limit->load() / divisor));
    }
    if (divisor > 1) all.list_max_listpack_size.store(16);
  }
  const store::EncodingLimits& limits() { return store_.settings().encodings; }

  static store::OwnedEntry String(std::string_view text) {
    return store::OwnedEntry(store::Entry::NewString("key", text, kNoExpiry));
  }
  store::OwnedEntry List(const std::vector<std::string>& elements) {
    store::OwnedEntry entry(store::Entry::NewCollection("key", store::Type::kList));
    store::List list(*entry, store_);
    for (const std::string& element : elements) list.Push(store::ListEnd::kTail, element);
    return entry;
  }
  store::OwnedEntry Set(const std::vector<std::string>& members) {
    store::OwnedEntry entry(store::Entry::NewCollection("key", store::Type::kSet));
    store::Set set(*entry, limits());
    for (const std::string& member : members) set.Add(member);
    return entry;
  }
  store::OwnedEntry SortedSet(const std::vector<std::pair<std::string, double>>& members) {
    store::OwnedEntry entry(store::Entry::NewCollection("key", store::Type::kSortedSet));
    store::SortedSet set(*entry);
    const auto most = store::SortedSetLimits::Of(store_.settings());
    for (const auto& [member, score] : members) set.Put(member, score, most);
    return entry;
  }
  // A field whose name begins with 't' gets a deadline.
  store::OwnedEntry Hash(const std::vector<std::string>& fields, size_t value_size = 5) {
    store::OwnedEntry entry(store::Entry::NewCollection("key", store::Type::kHash));
    store::Hash hash(*entry, limits(), 0);
    UnixMillis deadline = 1'900'000'000'000;
    for (const std::string& field : fields) {
      hash.Set(field, std::string(value_size, field.back()));
      if (field[0] == 't') hash.SetDeadline(field, deadline -= 777);
    }
    return entry;
  }
  store::OwnedEntry Stream(int entries, bool with_groups) {
    store::OwnedEntry entry(store::Entry::NewCollection("key", store::Type::kStream));
    auto& stream = *static_cast<store::Stream*>(entry->object());
    for (int i = 1; i <= entries; ++i) {
      const std::string value = std::to_string(i * i);
      const std::vector<std::string_view> pairs = {"f", value, "g", i % 3 == 0 ? "x" : "yy"};
      stream.Append({static_cast<uint64_t>(i), 7}, pairs, {});
    }
    for (int i = 5; i < entries; i += 9) stream.Erase({static_cast<uint64_t>(i), 7});
    if (!with_groups) return entry;
    for (const char* name : {"g1", "g2", "idle"}) {
      store::ConsumerGroup& group =
          stream.AddGroup(name, {4, 7}, name[1] == '2' ? store::ConsumerGroup::kUnknown : 3);
      if (name[0] == 'i') continue;
      group.AddConsumer("bored", 1234);
      store::Consumer& busy = group.AddConsumer("busy", 5678);
      busy.active_time = 4321;
      store::Consumer& other = group.AddConsumer("other", 99);
      for (int i = 1; i <= entries; ++i) {
        group.Deliver({static_cast<uint64_t>(i), 7}, i % 2 == 0 ? busy : other, 1000 + i)
            .delivery_count = static_cast<uint64_t>(i);
      }
    }
    return entry;
  }

  static std::vector<std::string> Numbered(std::string_view stem, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back(fmt::format("{}{}", stem, i * 37 % count));
    return all;
  }
  static std::vector<std::pair<std::string, double>> Scored(int count) {
    std::vector<std::pair<std::string, double>> all;
    for (int i = 0; i < count; ++i) all.push_back({fmt::format("m{}", i), i * 0.37 - 3});
    return all;
  }

  // One of each type and encoding; sizes at both sides of what is written in special ways.
  std::vector<store::OwnedEntry> All() {
    std::vector<store::OwnedEntry> all;
    for (const std::string& text :
         {std::string(), std::string("12"), std::string("-70000"), std::string("1099511627776"),
          std::string("hello"), std::string(100, 'z'), std::string("\0\r\n\xff binary", 11)}) {
      all.push_back(String(text));
    }
    std::string large;
    for (int i = 0; large.size() < 20'000 / static_cast<size_t>(divisor_); ++i)
      large += fmt::format("{:x},", i * 7919);
    all.push_back(String(large));
    all.push_back(List({"a", "1", "", "-5", std::string(300, 'q')}));
    all.push_back(List(Numbered("element ", 3000 / divisor_)));
    all.push_back(Set({"1", "2", "-3", "40000"}));
    all.push_back(Set({"1", "two", "3"}));
    all.push_back(Set(Numbered("", 600 / divisor_)));
    all.push_back(Set(Numbered("member", 500 / divisor_)));
    all.push_back(SortedSet({{"a", 1}, {"b", -2.5}, {"c", 1e300}, {"d", -INFINITY}}));
    all.push_back(SortedSet(Scored(1000 / divisor_)));
    all.push_back(Hash({"one", "2", "drei"}));
    all.push_back(Hash(Numbered("field", 700 / divisor_)));
    all.push_back(Hash({"long"}, 9000));
    all.push_back(Stream(0, false));
    all.push_back(Stream(10, true));
    all.push_back(Stream(350 / divisor_, true));
    return all;
  }
  std::vector<store::OwnedEntry> WithDeadlines() {
    std::vector<store::OwnedEntry> all;
    all.push_back(Hash({"plain", "t1", "t2", "other", "t3"}));
    std::vector<std::string> many = Numbered("field", 700 / divisor_);
    for (int i = 0; i < 100 / divisor_; ++i) many.push_back(fmt::format("timed{}", i));
    all.push_back(Hash(many));
    return all;
  }

 private:
  store::Store store_;
  int divisor_;
};

namespace sample_internal {

inline std::string Text(const store::ListpackElement& element) {
  store::ListpackElement::Digits digits;
  return std::string(element.Text(digits));
}

inline void DescribeStream(const store::Stream& stream, std::vector<std::string>& out) {
  const auto id = [](const store::StreamId& i) { return fmt::format("{}-{}", i.ms, i.seq); };
  store::StreamReader reader(stream, store::kMinStreamId, store::kMaxStreamId);
  while (reader.Next()) {
    std::string line = id(reader.id());
    reader.ForEachPair([&](const store::ListpackElement& f, const store::ListpackElement& v) {
      line += " " + Text(f) + "=" + Text(v);
    });
    out.push_back(line);
  }
  out.push_back(fmt::format("{} entries, last {}, first {}", stream.length(), id(stream.last_id()),
                            id(stream.first_id())));
  for (const auto& group : stream.groups()) {
    out.push_back(fmt::format("group {} at {}", group->name, id(group->last_id)));
    group->pending().ForEach([&](const store::Pending& p) {
      out.push_back(fmt::format("pending {} {} {} {}", id(p.id), p.delivery_time, p.delivery_count,
                                p.consumer->name));
    });
    for (const auto& consumer : group->consumers()) {
      out.push_back(fmt::format("consumer {} seen {}, {} pending", consumer->name,
                                consumer->seen_time, consumer->pending.size()));
    }
  }
}

}  // namespace sample_internal

// What a value holds, whatever its encoding.
inline std::string Describe(const store::Entry& entry) {
  using sample_internal::Text;
  std::vector<std::string> out;
  switch (entry.type()) {
    case store::Type::kString:
      out.push_back(entry.is_integer() ? std::to_string(entry.integer())
                                       : std::string(entry.bytes()));
      break;
    case store::Type::kList: {
      const store::ListView list(entry);
      list.Walk(0, list.size(),
                [&](const store::ListpackElement& element) { out.push_back(Text(element)); });
      break;
    }
    case store::Type::kSet:
      store::SetView(entry).ForEach(
          [&](const store::SetElement& element) { out.push_back(Text(element)); });
      std::sort(out.begin(), out.end());
      break;
    case store::Type::kSortedSet:
      store::SortedSet(entry).ForEach([&](std::string_view member, double score) {
        out.push_back(fmt::format("{} {}", member, score));
      });
      break;
    case store::Type::kHash: {
      static const store::EncodingLimits limits;
      const store::Hash hash(const_cast<store::Entry&>(entry), limits, 0);
      hash.ForEachWithDeadline(
          [&](const store::FieldText& f, const store::FieldText& v, UnixMillis at) {
            out.push_back(fmt::format("{}={} {}", Text(f), Text(v), at));
          });
      std::sort(out.begin(), out.end());
      break;
    }
    case store::Type::kStream:
      sample_internal::DescribeStream(*static_cast<const store::Stream*>(entry.object()), out);
      break;
  }
  std::string all(store::TypeName(entry.type()));
  for (const std::string& line : out) all += "\n" + line;
  return all;
}

}  // namespace henge::persistence

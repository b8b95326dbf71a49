// SPDX-License-Identifier: Apache-2.0
// Listpacks out of RDB's strings, checked: those that were listpacks, and those that are made of
// Redis's older blocks. For the readers of values.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "persistence/rdb/rdb_reader.h"
#include "store/encoding/listpack.h"

namespace henge::persistence {

// Owns a listpack's block.
class OwnedPack {
 public:
  OwnedPack() = default;
  explicit OwnedPack(store::Listpack pack) : block_(pack.block()) {}

  explicit operator bool() const { return block_ != nullptr; }
  store::Listpack get() const { return store::Listpack(block_.get()); }
  void* Release() { return block_.release(); }

 private:
  struct Freer {
    void operator()(uint8_t* block) const { std::free(block); }
  };
  std::unique_ptr<uint8_t, Freer> block_;
};

enum class PackForm : uint8_t { kListpack, kZiplist, kZipmap };

// Reads a string that is a block of that form; `what` it belongs to is named where it is unsound,
// as in "Hash ziplist integrity check failed". None where the reader has failed.
OwnedPack ReadPack(RdbReader& reader, PackForm form, std::string_view what, std::string& scratch);
void FailPack(RdbReader& reader, PackForm form, std::string_view what, std::string_view why);

// Elements put together for a new listpack, as long as they fit into one.
class PackBuilder {
 public:
  bool HasRoomFor(size_t bytes) const {
    constexpr size_t kOverhead = 32;  // More than an element takes beside its text, twice.
    return run_.bytes() + bytes + kOverhead < store::Listpack::kMaxBytes;
  }
  void Add(std::string_view text) { run_.Add(text); }
  void Add(int64_t value) { run_.Add(value); }
  void Add(const store::ListpackElement& element) {
    element.is_integer() ? run_.Add(element.integer) : run_.Add({element.data, element.size});
  }
  OwnedPack Build() const {
    store::Listpack pack = store::Listpack::New();
    pack.Append(run_);
    return OwnedPack(pack);
  }

 private:
  store::ListpackRun run_;
};

// Tells whether texts are all different, by their hashes: two that are equal under the process's
// seeded 64-bit hash are taken to be the same.
class DistinctTexts {
 public:
  void Add(std::string_view text);
  bool AllDistinct();

 private:
  absl::InlinedVector<uint64_t, 128> hashes_;
};

// What is to be known of a block of rows, each of `width` elements of which the first is a key.
struct PackFacts {
  uint32_t rows = 0;
  bool distinct = false;  // The keys.
  // Each element has the shortest form it can have; those that haven't are not found by their text.
  bool canonical = false;
};
// None where the elements don't make up whole rows.
std::optional<PackFacts> ExaminePack(const store::Listpack& pack, uint32_t width);

// The same elements in their shortest forms.
OwnedPack Canonical(const store::Listpack& pack);

// Reads a block of such rows, named as above; none, and the reader fails, where it is unsound, has
// no whole rows or two of the same key.
struct Rows {
  OwnedPack pack;
  uint32_t count = 0;
};
Rows ReadRows(RdbReader& reader, PackForm form, uint32_t width, std::string_view what);

}  // namespace henge::persistence

// SPDX-License-Identifier: Apache-2.0
// Lists: of elements, of one ziplist, or of nodes.
#include <absl/functional/function_ref.h>

#include "persistence/rdb/loaded_object.h"
#include "persistence/rdb/old_blocks.h"
#include "persistence/rdb/pack_reader.h"
#include "store/list/quicklist.h"

namespace henge::persistence {
namespace {

using store::ListEnd;
using store::ListpackElement;
using store::Quicklist;

class ListReader {
 public:
  ListReader(RdbReader& reader, const EncodingLimits& limits)
      : reader_(reader),
        large_(LimitOf(limits.list_packed_threshold)),
        list_(std::make_unique<Quicklist>(
            static_cast<int>(limits.list_max_listpack_size.load(std::memory_order_relaxed)))) {}

  void ReadElements() {
    for (uint64_t left = reader_.Count(1); left > 0 && reader_.ok(); --left) {
      Push(reader_.String(scratch_));
    }
  }
  void ReadZiplist() {
    const std::string_view bytes = reader_.String(scratch_);
    if (!reader_.ok()) return;
    const bool sound = WalkZiplist(bytes, [&](const ListpackElement& element) {
      ListpackElement::Digits digits;
      Push(element.Text(digits));
    });
    if (!sound) FailPack(reader_, PackForm::kZiplist, "List", {});
  }
  void ReadZiplists() {
    for (uint64_t left = reader_.Count(1); left > 0 && reader_.ok(); --left) {
      ReadPacked(PackForm::kZiplist);
    }
  }
  void ReadNodes() {
    for (uint64_t left = reader_.Count(2); left > 0 && reader_.ok(); --left) {
      const uint64_t container = reader_.Length();
      if (container == kPlainNode) {
        const std::string_view text = reader_.String(scratch_);
        if (reader_.ok() && text.empty()) reader_.Fail("a list's large element that is empty");
        if (reader_.ok()) list_->AppendPlain(text);
      } else if (container == kPackedNode) {
        ReadPacked(PackForm::kListpack);
      } else {
        reader_.Fail("a list's node that is neither plain nor packed");
      }
    }
  }

  LoadedObject Take() {
    if (!reader_.ok()) return {};
    if (list_->size() > 0) {
      if (const auto sole = list_->TakeSoleWithin(store::ListNodeLimit::Of(list_->fill()))) {
        return {store::Type::kList, store::Encoding::kListpack, sole->block()};
      }
    }
    return {store::Type::kList, store::Encoding::kQuicklist, list_.release()};
  }

 private:
  void Push(std::string_view text) {
    if (reader_.ok()) list_->Push(ListEnd::kTail, text, large_);
  }
  // Empty blocks are left out, as Redis does.
  void ReadPacked(PackForm form) {
    OwnedPack pack = ReadPack(reader_, form, "List", scratch_);
    if (!pack || pack.get().empty()) return;
    list_->AppendPack(store::Listpack(pack.Release()));
  }

  RdbReader& reader_;
  size_t large_;
  std::unique_ptr<Quicklist> list_;
  std::string scratch_;
};

}  // namespace

LoadedObject ReadList(RdbReader& reader, RdbType form, const EncodingLimits& limits) {
  ListReader list(reader, limits);
  switch (form) {
    case RdbType::kList:
      list.ReadElements();
      break;
    case RdbType::kListZiplist:
      list.ReadZiplist();
      break;
    case RdbType::kListQuicklist:
      list.ReadZiplists();
      break;
    default:
      list.ReadNodes();
      break;
  }
  return list.Take();
}

}  // namespace henge::persistence

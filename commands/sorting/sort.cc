// SPDX-License-Identifier: Apache-2.0
// SORT and SORT_RO: load the elements, weigh them, order them, and reply with or store what GET
// names. Where patterns name keys, every shard is held (RefineSortKeys says so).
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "commands/hashes/hash_access.h"
#include "commands/scripting/admission.h"
#include "commands/sorting/handlers.h"
#include "commands/sorting/order.h"
#include "commands/sorting/request.h"
#include "commands/strings/string_reply.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {
namespace {

using store::Entry;
using store::Type;

constexpr size_t kStoredAtOnce = 256;
constexpr store::Event kSortStore{store::EventClass::kList, "sortstore"};

class Sorting {
 public:
  Sorting(CommandContext& ctx, SortRequest request) : ctx_(ctx), request_(std::move(request)) {}

  void Run() {
    Entry* source = ctx_.keyspace.Read(store::Key::Of(request_.source));
    if (source != nullptr && !IsSortable(source->type())) {
      return ctx_.reply.Error(errors::kWrongType);
    }
    if (source != nullptr) Load(*source);
    if (request_.sorts && !Weigh()) {
      return ctx_.reply.Error("ERR One or more scores can't be converted into double");
    }
    Order();
    request_.destination ? Store() : Reply();
  }

 private:
  static bool IsSortable(Type type) {
    return type == Type::kList || type == Type::kSet || type == Type::kSortedSet;
  }

  // Elements stay where they are in the source, which does not change before they are done with.
  void Add(std::string_view element) { rows_.push_back({element}); }
  void Add(const store::ListpackElement& element) {
    if (!element.is_integer()) return Add(std::string_view(element.data, element.size));
    store::ListpackElement::Digits digits;
    Add(texts_.emplace_back(element.Text(digits)));
  }

  void Load(Entry& source) {
    if (source.type() == Type::kList) return LoadList(source);
    if (source.type() == Type::kSortedSet) return LoadSortedSet(source);
    const store::SetView set(source);
    window_ = request_.WindowOf(set.size());
    rows_.reserve(set.size());
    set.ForEach([&](const store::SetElement& element) { Add(element); });
    if (request_.sorts || (!request_.destination && !scripting::InScript(ctx_))) return;
    // A set has no order of its own; what is stored, or a script sees, has, the same on every node.
    request_.sorts = request_.alpha = true;
    request_.by.reset();
  }

  // Of what keeps its order, only the part that is asked for, from the end that DESC says.
  void LoadList(Entry& source) {
    const store::ListView list(source);
    const auto add = [&](const store::ListpackElement& element) { Add(element); };
    places_mean_ = true;
    const SortWindow part = PartOf(list.size());
    if (!request_.sorts && request_.descending && part.size() > 0) {
      list.WalkBack(list.size() - 1 - part.first, part.size(), add);
    } else {
      list.Walk(part.first, part.size(), add);
    }
  }

  void LoadSortedSet(Entry& source) {
    const store::SortedSet set(source);
    const SortWindow part = PartOf(set.size());
    const bool reverse = !request_.sorts && request_.descending;
    const size_t first = reverse ? set.size() - part.end : part.first;
    if (part.size() == 0) return;
    set.Walk({first, first + part.size()}, reverse, [&](std::string_view member, double) {
      // What a packed set hands out may be gone with the next member.
      Add(set.is_packed() ? texts_.emplace_back(member) : member);
    });
  }

  // The rows to load of `size`; the window is then that of the rows.
  SortWindow PartOf(size_t size) {
    window_ = request_.WindowOf(size);
    const SortWindow part = request_.sorts ? SortWindow{0, size} : window_;
    if (!request_.sorts) window_ = {0, part.size()};
    rows_.reserve(part.size());
    return part;
  }

  bool Weigh() {
    bool numbers = true;
    for (SortRow& row : rows_) {
      auto text = request_.by ? Find(*request_.by, row.element) : std::nullopt;
      if (request_.alpha) {
        row.text = std::move(text);
      } else if (text || !request_.by) {
        const auto number = SortNumber(text ? *text : row.element);
        numbers = numbers && number;
        row.number = number.value_or(0);
      }
    }
    return numbers;
  }

  void Order() {
    if (!request_.sorts) return;
    order_ = SortedRows(rows_,
                        {.alpha = request_.alpha,
                         .by_text = request_.by.has_value(),
                         .descending = request_.descending,
                         .places_mean = places_mean_},
                        window_);
  }

  std::string_view ElementAt(size_t place) const {
    return rows_[request_.sorts ? order_[place] : place].element;
  }

  // What a pattern names for an element: nothing where there is no key, or of another type.
  std::optional<std::string> Find(const SortPattern& pattern, std::string_view element) {
    if (pattern.names == SortPattern::Names::kElement) return std::string(element);
    if (!pattern.reads_keys()) return std::nullopt;
    const std::string key = pattern.KeyFor(element);
    Entry* entry = ctx_.keyspace.Read(store::Key::Of(key));
    if (entry == nullptr) return std::nullopt;
    if (pattern.names == SortPattern::Names::kString) {
      if (entry->type() != Type::kString) return std::nullopt;
      return std::string(StringBytes(entry).view());
    }
    if (entry->type() != Type::kHash) return std::nullopt;
    const auto value = AsHash(ctx_, *entry).Get(pattern.field);
    store::FieldText::Digits digits;
    if (!value) return std::nullopt;
    return std::string(value->Text(digits));
  }

  // Calls fn(optional text) for all that is replied or stored.
  template <class F>
  void ForEachResult(F fn) {
    for (size_t place = window_.first; place < window_.end; ++place) {
      const std::string_view element = ElementAt(place);
      if (request_.get.empty()) fn(std::optional(element));
      for (const SortPattern& pattern : request_.get) {
        const auto found = Find(pattern, element);
        fn(found ? std::optional<std::string_view>(*found) : std::nullopt);
      }
    }
  }

  size_t Results() const { return window_.size() * std::max<size_t>(request_.get.size(), 1); }

  void Reply() {
    ctx_.reply.Array(Results());
    ForEachResult([&](std::optional<std::string_view> text) {
      text ? ctx_.reply.Bulk(*text) : ctx_.reply.Null();
    });
  }

  void Store() {
    const store::Key destination = store::Key::Of(*request_.destination);
    Entry* entry = Entry::NewCollection(destination.bytes, Type::kList);
    {
      store::List list(*entry, ctx_.keyspace.store());
      // Elements stay where they are, and so can wait for each other; what patterns found can't.
      const size_t at_once = request_.get.empty() ? kStoredAtOnce : 1;
      std::vector<std::string_view> waiting;
      ForEachResult([&](std::optional<std::string_view> text) {
        waiting.push_back(text.value_or(std::string_view()));
        if (!list.packed() && waiting.size() < at_once) return;
        list.Push(store::ListEnd::kTail, waiting);
        waiting.clear();
      });
      list.Push(store::ListEnd::kTail, waiting);
    }
    const size_t stored = Results();
    ctx_.keyspace.SetCollection(destination, entry, kSortStore);
    ctx_.reply.Integer(static_cast<int64_t>(stored));
  }

  CommandContext& ctx_;
  SortRequest request_;
  SortWindow window_;
  bool places_mean_ = false;
  std::vector<SortRow> rows_;
  std::deque<std::string> texts_;  // Of elements that are not kept as such.
  std::vector<uint32_t> order_;
};

void Run(CommandContext& ctx, ArgReader& args, SortKind kind) {
  SortRequest request = ReadSortRequest(args, kind, ctx.services.cluster() != nullptr);
  if (!args.Done()) return ctx.reply.Error(args.error());
  Sorting(ctx, std::move(request)).Run();
}

}  // namespace

void Sort(CommandContext& ctx, ArgReader& args) { Run(ctx, args, SortKind::kMayStore); }
void SortReadOnly(CommandContext& ctx, ArgReader& args) { Run(ctx, args, SortKind::kReadOnly); }

}  // namespace henge::commands

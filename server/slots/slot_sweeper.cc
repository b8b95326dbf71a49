// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_sweeper.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/snapshot/snapshot_file.h"
#include "server/node.h"
#include "store/unheard.h"

namespace henge::server {
namespace {

constexpr size_t kKeysInStep = 64;
constexpr auto kLookAgain = std::chrono::milliseconds(10);

std::string NotesPath(Node& node) { return node.options().cluster.directory + "/moving-slots"; }

}  // namespace

void SlotSweeper::OnTopology(const cluster::Topology& topology, const cluster::NodeId& me,
                             bool anew) {
  const std::lock_guard lock(mu_);
  const cluster::SlotsOfNode before = anew ? cluster::SlotsOfNode() : now_;
  now_ = cluster::SlotsOfNode::In(topology, me);
  doomed_ = cluster::DoomedAfter(anew ? cluster::SlotBits() : doomed_, before, now_);
  const bool forgets = anew || cluster::LeftAGroup(before, now_);
  suspect_ = forgets ? cluster::SlotBits() : cluster::StillDoomed(suspect_, now_) & ~doomed_;
  Hide();
}

bool SlotSweeper::Leads() const { return node_.replication().part() == GroupPart::kLeads; }

// This node leads: what its leader brought it last is its own to delete.
void SlotSweeper::TakeUp() {
  const std::lock_guard lock(mu_);
  if (suspect_.none()) return;
  doomed_ |= suspect_;
  suspect_.reset();
  Hide();
}

// REQUIRES: mu_ held.
void SlotSweeper::Hide() {
  const cluster::SlotBits hidden = now_.coming | doomed_;
  const cluster::SlotBits turned = hidden ^ hidden_;
  for (size_t slot = 0; turned.any() && slot < turned.size(); ++slot) {
    if (turned.test(slot)) node_.store().hidden().Set(static_cast<Slot>(slot), hidden.test(slot));
  }
  hidden_ = hidden;
}

// --- What must not be forgotten ------------------------------------------------------------------

// A line: ranges of slots, as CLUSTER NODES writes them.
void SlotSweeper::Recall() {
  const std::lock_guard noting(noting_);
  std::ifstream file(NotesPath(node_));
  for (std::string word; file >> word;) {
    const size_t dash = word.find('-');
    const auto first = ParseInt64(word.substr(0, dash));
    const auto last = dash == std::string::npos ? first : ParseInt64(word.substr(dash + 1));
    if (!first || !last || *first < 0 || *last >= kSlots) continue;
    for (int64_t slot = *first; slot <= *last; ++slot) noted_.set(static_cast<size_t>(slot));
  }
}

void SlotSweeper::Confirm() {
  const std::lock_guard noting(noting_);
  const std::lock_guard lock(mu_);
  cluster::SlotsOfNode before;
  before.coming = noted_;
  doomed_ = cluster::DoomedAfter(doomed_, before, now_);
  Hide();
  confirmed_.store(true);
}

absl::Status SlotSweeper::Note(const cluster::SlotBits& slots) {
  const std::lock_guard noting(noting_);
  noted_ |= slots;
  return WriteNotes();
}

// REQUIRES: noting_ held.
absl::Status SlotSweeper::WriteNotes() {
  std::string text;
  for (const auto& [first, last] : cluster::RangesOf(noted_)) {
    text += std::to_string(first) + "-" + std::to_string(last) + "\n";
  }
  const std::string path = NotesPath(node_);
  const size_t slash = path.rfind('/');
  return persistence::WriteWholeFile(
      persistence::PosixFileSystem(),
      {.directory = path.substr(0, slash),
       .name = path.substr(slash + 1),
       .temporary_name = path.substr(slash + 1) + ".part",
       .sync_in_steps = false},
      [&](persistence::ByteSink& file) { return file.Append(text); });
}

void SlotSweeper::ReviewNotes() {
  const std::lock_guard noting(noting_);
  if (!confirmed_.load()) return;
  cluster::SlotBits wanted;
  {
    const std::lock_guard lock(mu_);
    wanted = now_.coming | now_.leaving | doomed_ | suspect_ | wanted_empty_;
  }
  if (wanted == noted_) return;
  noted_ = wanted;
  if (noted_.none()) {
    std::remove(NotesPath(node_).c_str());
  } else if (const absl::Status status = WriteNotes(); !status.ok()) {
    LogWarning("Slots that move could not be noted", {{"error", Std(status.message())}});
  }
}

bool SlotSweeper::Empty(const cluster::SlotBits& slots, const std::function<bool()>& given_up) {
  std::unique_lock lock(mu_);
  wanted_empty_ |= slots;
  while ((wanted_empty_ & slots).any()) {
    lock.unlock();
    const bool ends = given_up();
    Begin();
    lock.lock();
    if (ends) {
      wanted_empty_ &= ~slots;
      return false;
    }
    emptied_.wait_for(lock, kLookAgain, [&] { return (wanted_empty_ & slots).none(); });
  }
  return true;
}

bool SlotSweeper::idle() const {
  const std::lock_guard lock(mu_);
  return doomed_.none() && wanted_empty_.none();
}

void SlotSweeper::Tick() {
  homes_.Tick();
  if (Leads()) TakeUp();
  if (!idle()) Begin();
}

void SlotSweeper::Begin() {
  if (stepping_.exchange(true)) return;
  node_.workers()[0]->Post([this] { Step(); });
}

std::optional<Slot> SlotSweeper::Next() {
  const std::lock_guard lock(mu_);
  const cluster::SlotBits all = doomed_ | wanted_empty_;
  if (all.none()) return std::nullopt;
  while (!all.test(at_)) at_ = (at_ + 1) % all.size();
  return static_cast<Slot>(at_);
}

bool SlotSweeper::MayDelete() const {
  const Replication& replication = node_.replication();
  return confirmed_.load() && replication.part() == GroupPart::kLeads &&
         !replication.refuses_writes() && !node_.store().busy().load(std::memory_order_relaxed) &&
         node_.pause().until.load(std::memory_order_relaxed) <= SystemClock().NowMillis() &&
         replication.lease().Holds(SystemClock().MonotonicMicros()) &&
         node_.journaling().has_room() &&
         !node_.pause().stops_writes.load(std::memory_order_relaxed);
}

std::vector<std::string> SlotSweeper::SomeKeys(Slot slot) const {
  std::vector<std::string> names;
  store::Unheard unheard;
  const store::LockSet none(node_.store());
  store::Keyspace keyspace(node_.store(), none, unheard, 0, SystemClock().NowMillis());
  keyspace.set_sees_expired(true);
  keyspace.ForEachInSlot(slot, [&](const store::Entry* entry) {
    names.emplace_back(entry->key());
    return names.size() < kKeysInStep;
  });
  return names;
}

// A slot is done with when it is found empty; where others are to delete, it may not be yet.
void SlotSweeper::Step() {
  stepping_.store(false);
  const std::optional<Slot> slot = Next();
  if (!slot) return;
  const std::vector<std::string> names = SomeKeys(*slot);
  if (!names.empty() && !MayDelete()) return;  // Tick asks again.
  if (!names.empty()) {
    Delete(*slot, names);
  } else {
    Done(*slot);
  }
  Begin();
}

// Nothing is there. Only who leads knows that nothing more comes.
void SlotSweeper::Done(Slot slot) {
  const bool leads = Leads();
  const std::lock_guard lock(mu_);
  if (doomed_.test(slot) && !leads) suspect_.set(slot);
  doomed_.reset(slot);
  wanted_empty_.reset(slot);
  const bool hidden = now_.coming.test(slot);
  hidden_.set(slot, hidden);
  node_.store().hidden().Set(slot, hidden);
  if (wanted_empty_.none()) emptied_.notify_all();
}

void SlotSweeper::Delete(Slot slot, const std::vector<std::string>& names) {
  std::vector<store::Key> keys;
  for (const std::string& name : names) keys.push_back(store::Key::Of(name));
  Dispatcher& dispatcher = *node_.dispatchers()[0];
  dispatcher.RunUnderLocks(keys, 0, [&](store::Keyspace& keyspace) {
    std::vector<std::string_view> words;
    {
      const std::lock_guard lock(mu_);  // The slot may have come back meanwhile.
      if (!doomed_.test(slot) && !wanted_empty_.test(slot)) return words;
    }
    words.push_back("DEL");
    keyspace.set_sees_expired(true);
    for (const store::Key& key : keys) {
      if (keyspace.Delete(key, store::events::kDel)) words.push_back(key.bytes);
    }
    dropped_.fetch_add(words.size() - 1, std::memory_order_relaxed);
    return words.size() > 1 ? words : std::vector<std::string_view>();
  });
}

}  // namespace henge::server

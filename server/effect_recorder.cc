// SPDX-License-Identifier: Apache-2.0
#include "server/effect_recorder.h"

#include <utility>

#include "store/key.h"

namespace henge::server {

using commands::CallEffects;
using persistence::Effect;

void EffectRecorder::OnEffect(DbIndex db, const store::Key& key, const store::Event& event,
                              store::Change change) {
  if (news_.wanted()) news_.OnEffect(db, key, event, change);
  if (event.counts) stats_.dirty.Add();
  const bool by_itself = event.event_class == store::EventClass::kExpired ||
                         event.event_class == store::EventClass::kEvicted;
  if (!by_itself) {
    ++changes_;
  } else if (wanted()) {
    const auto& unlink = event.event_class == store::EventClass::kExpired
                             ? settings_.lazyfree_expire
                             : settings_.lazyfree_eviction;
    NoteSlot(key.slot);
    AddCopy(db,
            {unlink.load(std::memory_order_relaxed) ? "UNLINK" : "DEL", std::string(key.bytes)});
  }
}

void EffectRecorder::OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event,
                                      std::span<const std::string> members, bool emptied) {
  if (news_.wanted()) news_.OnMembersExpired(db, key, event, emptied);
  stats_.dirty.Add();
  if (!wanted()) return;
  CallEffects::Command words = {"HDEL", std::string(key.bytes)};
  words.insert(words.end(), members.begin(), members.end());
  NoteSlot(key.slot);
  AddCopy(db, words);
}

void EffectRecorder::OnFlush(DbIndex, DbIndex, uint64_t) {
  ++changes_;
  if (news_.wanted()) news_.OnFlush();
}
void EffectRecorder::OnSwap(DbIndex, DbIndex) { ++changes_; }

void EffectRecorder::AddCopy(DbIndex db, const CallEffects::Command& words) {
  told_.push_back({db, {}, copied_words_.size(), words.size(), {}});
  for (const std::string& word : words) copied_words_.push_back(copies_.emplace_back(word));
  if (!in_unit_) Tell();
}

void EffectRecorder::EndCall(const Call& call, const CallEffects& effects) {
  if (!wanted()) return;
  for (const store::Key& key : call.keys) NoteSlot(key.slot);
  if (call.keys.empty() || call.names_not_all) NoteSlot(persistence::kNoSlot);
  if (effects.replaced()) {
    for (const CallEffects::Command& command : effects.commands()) AddCopy(call.db, command);
  } else if (call.words_go) {
    AddCopy(call.db, {call.argv.begin(), call.argv.end()});
  } else {
    told_.push_back({call.db, call.argv, 0, 0, call.wire});
    if (!in_unit_) Tell();
  }
}

void EffectRecorder::Tell() {
  const std::span<const std::string_view> copied(copied_words_);
  unit_.clear();
  for (const Told& told : told_) {
    const bool stay = told.copies == 0;
    unit_.push_back(
        {told.db, stay ? told.words : copied.subspan(told.first_copy, told.copies), told.wire});
  }
  last_lsn_ = listener_.load(std::memory_order_relaxed)->OnUnit(unit_, slot_);
  told_.clear();
  if (!copies_.empty()) {
    copied_words_.clear();
    copies_.clear();
  }
  slot_ = persistence::kNoSlot;
  has_slot_ = false;
}

}  // namespace henge::server

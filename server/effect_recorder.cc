// SPDX-License-Identifier: Apache-2.0
#include "server/effect_recorder.h"

#include <utility>

#include "store/key.h"

namespace henge::server {

using commands::CallEffects;
using persistence::Effect;

void EffectRecorder::OnEffect(DbIndex db, const store::Key& key, const store::Event& event,
                              store::Change) {
  if (event.counts) stats_.dirty.Add();
  const bool by_itself = event.event_class == store::EventClass::kExpired ||
                         event.event_class == store::EventClass::kEvicted;
  if (!by_itself) {
    ++changes_;
  } else if (wanted()) {
    AddCopy(db, {"DEL", std::string(key.bytes)});
  }
}

void EffectRecorder::OnMembersExpired(DbIndex db, const store::Key& key, const store::Event&,
                                      std::span<const std::string> members, bool) {
  stats_.dirty.Add();
  if (!wanted()) return;
  CallEffects::Command words = {"HDEL", std::string(key.bytes)};
  words.insert(words.end(), members.begin(), members.end());
  AddCopy(db, words);
}

void EffectRecorder::OnFlush(DbIndex, DbIndex, uint64_t) { ++changes_; }
void EffectRecorder::OnSwap(DbIndex, DbIndex) { ++changes_; }

void EffectRecorder::Add(DbIndex db, std::span<const std::string_view> words) {
  told_.push_back({db, words_.size(), words.size()});
  words_.insert(words_.end(), words.begin(), words.end());
  if (!in_unit_) CloseUnit();
}

void EffectRecorder::AddCopy(DbIndex db, const CallEffects::Command& words) {
  told_.push_back({db, words_.size(), words.size()});
  for (const std::string& word : words) words_.push_back(copies_.emplace_back(word));
  if (!in_unit_) CloseUnit();
}

void EffectRecorder::EndCall(DbIndex db, std::span<const std::string_view> argv,
                             const CallEffects& effects, Words words) {
  if (!wanted()) return;
  if (effects.replaced()) {
    for (const CallEffects::Command& command : effects.commands()) AddCopy(db, command);
  } else if (words == Words::kStay) {
    Add(db, argv);
  } else {
    AddCopy(db, {argv.begin(), argv.end()});
  }
}

void EffectRecorder::CloseUnit() {
  in_unit_ = false;
  if (told_.empty()) return;
  const std::span<const std::string_view> words(words_);
  unit_.clear();
  for (const Told& told : told_) {
    unit_.push_back({told.db, words.subspan(told.first, told.count)});
  }
  last_lsn_ = listener_.load(std::memory_order_relaxed)->OnUnit(unit_);
  told_.clear();
  words_.clear();
  if (!copies_.empty()) copies_.clear();
}

}  // namespace henge::server

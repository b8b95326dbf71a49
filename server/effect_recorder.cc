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
  } else if (listener_ != nullptr) {
    Add(db, {"DEL", std::string(key.bytes)});
  }
}

void EffectRecorder::OnMembersExpired(DbIndex db, const store::Key& key, const store::Event&,
                                      std::span<const std::string> members, bool) {
  stats_.dirty.Add();
  if (listener_ == nullptr) return;
  CallEffects::Command words = {"HDEL", std::string(key.bytes)};
  words.insert(words.end(), members.begin(), members.end());
  Add(db, std::move(words));
}

void EffectRecorder::OnFlush(DbIndex, DbIndex, uint64_t) { ++changes_; }
void EffectRecorder::OnSwap(DbIndex, DbIndex) { ++changes_; }

void EffectRecorder::Add(DbIndex db, CallEffects::Command words) {
  pending_.push_back({db, std::move(words)});
  if (!in_unit_) CloseUnit();
}

void EffectRecorder::EndCall(DbIndex db, std::span<const std::string_view> argv,
                             const CallEffects& effects) {
  if (listener_ == nullptr) return;
  if (!effects.replaced()) return Add(db, {argv.begin(), argv.end()});
  for (const CallEffects::Command& command : effects.commands()) Add(db, command);
}

void EffectRecorder::CloseUnit() {
  in_unit_ = false;
  if (pending_.empty()) return;
  std::vector<std::vector<std::string_view>> words;
  std::vector<Effect> effects;
  for (const Pending& pending : pending_) {
    words.emplace_back(pending.words.begin(), pending.words.end());
  }
  for (size_t i = 0; i < words.size(); ++i) effects.push_back({pending_[i].db, words[i]});
  listener_->OnUnit(effects);
  pending_.clear();
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
#include "server/pubsub/change_news.h"

#include <string>

#include "server/pubsub/tracking.h"

namespace henge::server {

using pubsub::EventClass;

void ChangeNews::Publish(DbIndex db, std::string_view key, pubsub::EventClasses classes,
                         EventClass of, std::string_view name) {
  if (!classes.Has(of) || name.empty() || !exchange_.anyone()) return;
  const std::string number = std::to_string(db);
  std::string channel;
  if (classes.Has(EventClass::kOnKeyspace)) {
    channel.append("__keyspace@").append(number).append("__:").append(key);
    exchange_.Publish(worker_, pubsub::Kind::kChannel, channel, name);
  }
  if (classes.Has(EventClass::kOnKeyevent)) {
    channel.clear();
    channel.append("__keyevent@").append(number).append("__:").append(name);
    exchange_.Publish(worker_, pubsub::Kind::kChannel, channel, key);
  }
}

void ChangeNews::OnEffect(DbIndex db, const store::Key& key, const store::Event& event,
                          store::Change change) {
  if (event.touches && wanted_.tracking()) tracking_.OnChange(worker_, client_, key);
  const pubsub::EventClasses classes = wanted_.classes();
  if (change == store::Change::kCreated) {
    Publish(db, key.bytes, classes, EventClass::kNew, "new");
  }
  Publish(db, key.bytes, classes, pubsub::ClassOf(static_cast<char>(event.event_class)),
          event.name);
}

void ChangeNews::OnEvent(DbIndex db, const store::Key& key, const store::Event& event) {
  Publish(db, key.bytes, wanted_.classes(), pubsub::ClassOf(static_cast<char>(event.event_class)),
          event.name);
}

void ChangeNews::OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event,
                                  bool emptied) {
  if (wanted_.tracking()) tracking_.OnChange(worker_, client_, key);
  OnEvent(db, key, event);
  if (emptied) OnEvent(db, key, store::events::kDel);
}

void ChangeNews::OnFlush() {
  if (wanted_.tracking()) tracking_.OnFlush(worker_);
}

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
// For changes of which nobody is to hear: what is loaded, or applied from a log.
#pragma once

#include "store/event.h"

namespace henge::store {

class Unheard final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const Event&, Change) override {}
};

}  // namespace henge::store

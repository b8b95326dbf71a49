// SPDX-License-Identifier: Apache-2.0
// How a change is refused: a code and a sentence. The codes' meanings: change.h.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "base/strings.h"
#include "cluster/node_id.h"

namespace henge::cluster {

template <class Id>
auto Digits(const Id& id) {
  return Absl(id.view());
}

template <class... Text>
absl::Status Unknown(const Text&... text) {
  return absl::NotFoundError(absl::StrCat(text...));
}

template <class... Text>
absl::Status Taken(const Text&... text) {
  return absl::AlreadyExistsError(absl::StrCat(text...));
}

template <class... Text>
absl::Status Outdated(const Text&... text) {
  return absl::AbortedError(absl::StrCat(text...));
}

template <class... Text>
absl::Status Senseless(const Text&... text) {
  return absl::InvalidArgumentError(absl::StrCat(text...));
}

template <class... Text>
absl::Status NotNow(const Text&... text) {
  return absl::FailedPreconditionError(absl::StrCat(text...));
}

}  // namespace henge::cluster

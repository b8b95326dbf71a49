// SPDX-License-Identifier: Apache-2.0
// Ziplists and zipmaps, what Redis kept small collections in before listpacks. They are only read,
// and checked as they are: nothing outside `bytes` is touched. Pure; any thread.
#pragma once

#include <absl/functional/function_ref.h>

#include <string_view>

#include "store/encoding/listpack.h"

namespace henge::persistence {

using VisitElement = absl::FunctionRef<void(const store::ListpackElement&)>;

// Visits the elements in order; false where the block is unsound (some may have been visited then).
bool WalkZiplist(std::string_view bytes, VisitElement visit);
// Fields and values in turn.
bool WalkZipmap(std::string_view bytes, VisitElement visit);

}  // namespace henge::persistence

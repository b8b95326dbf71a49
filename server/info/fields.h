// SPDX-License-Identifier: Apache-2.0
// InfoFields: what one section of INFO says, in order. INFO prints them, the metrics read their
// numbers. A value owned by its maker; one thread.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace henge::server {

struct InfoField {
  std::string name;
  std::string value;
};

class InfoFields {
 public:
  template <class T>
  void operator()(std::string_view name, const T& value) {
    fields_.push_back({std::string(name), fmt::format("{}", value)});
  }
  // `part` of `whole`, with two digits; 0 of nothing.
  void Ratio(std::string_view name, uint64_t part, uint64_t whole);
  void Percent(std::string_view name, uint64_t part, uint64_t whole);  // Ends in '%'.
  // The field and, as name_human, the same for people: "1.50M".
  void Bytes(std::string_view name, uint64_t bytes);
  void Human(std::string_view name, uint64_t bytes);  // The latter alone, under its full name.

  const std::vector<InfoField>& all() const { return fields_; }

 private:
  std::vector<InfoField> fields_;
};

}  // namespace henge::server

// SPDX-License-Identifier: Apache-2.0
#include "server/info/fields.h"

#include <array>

namespace henge::server {
namespace {

double Quotient(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<char, 6> kUnits = {'B', 'K', 'M', 'G', 'T', 'P'};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", value, kUnits[unit]);
}

}  // namespace

void InfoFields::Ratio(std::string_view name, uint64_t part, uint64_t whole) {
  (*this)(name, fmt::format("{:.2f}", Quotient(part, whole)));
}

void InfoFields::Percent(std::string_view name, uint64_t part, uint64_t whole) {
  (*this)(name, fmt::format("{:.2f}%", 100 * Quotient(part, whole)));
}

void InfoFields::Bytes(std::string_view name, uint64_t bytes) {
  (*this)(name, bytes);
  Human(std::string(name) + "_human", bytes);
}

void InfoFields::Human(std::string_view name, uint64_t bytes) { (*this)(name, HumanBytes(bytes)); }

}  // namespace henge::server

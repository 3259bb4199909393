// SPDX-License-Identifier: MIT
#include "fields.h"

#include <algorithm>
#include <string_view>

#include "error.h"

namespace icegen {
namespace {

constexpr std::string_view kIncrement = "_increment";

struct Derived {
  const char *name;
  Field::Kind kind;
  const char *first, *second;
};

constexpr Derived kDerived[] = {
    {"sit_ice", Field::quotient, "sit", "sic"},  // thickness as mean over the ice, where sit is over the cell
    {"siu_east", Field::eastward, "siu", "siv"},
    {"siv_north", Field::northward, "siu", "siv"},
};

std::size_t index_of(const std::string &id, const std::vector<std::string> &variables) {
  return std::find(variables.begin(), variables.end(), id) - variables.begin();
}

std::string comma_before(const std::string &list) { return list.empty() ? "" : ", "; }

}  // namespace

Field field_named(const std::string &name, const std::vector<std::string> &variables) {
  const std::size_t suffix = name.find(kIncrement);
  const bool increment = suffix != std::string::npos && suffix + kIncrement.size() == name.size();
  const std::string of = increment ? name.substr(0, suffix) : name;
  if (const std::size_t index = index_of(of, variables); index < variables.size())
    return {Field::variable, index, index, increment};
  std::string known;
  for (const std::string &id : variables) known += comma_before(known) + id;
  for (const Derived &derived : kDerived) {
    const std::size_t first = index_of(derived.first, variables), second = index_of(derived.second, variables);
    if (first == variables.size() || second == variables.size()) continue;
    if (of == derived.name) return {derived.kind, first, second, increment};
    known += std::string(", ") + derived.name;
  }
  if (name == "blend") return {Field::blend, 0, 0, false};
  fail(ICEGEN_BAD_ARGUMENT, "unknown variable '", name, "'; this archive has ", known, ", blend");
}

Field field_to_give(const std::string &name, const std::vector<std::string> &variables) {
  if (const std::size_t index = index_of(name, variables); index < variables.size())
    return {Field::variable, index, index};
  std::string known;
  for (const std::string &id : variables) known += comma_before(known) + id;
  fail(ICEGEN_BAD_ARGUMENT, "variable '", name, "' cannot be given; wanted one of ", known);
}

Field field_to_observe(const std::string &name, const std::vector<std::string> &variables,
                       const std::vector<bool> &drift) {
  std::string known;
  for (std::size_t index = 0; index < variables.size(); ++index) {
    if (drift[index]) continue;
    if (name == variables[index]) return {Field::variable, index, index};
    known += comma_before(known) + variables[index];
  }
  for (const Derived &derived : kDerived) {
    if (derived.kind == Field::quotient || !have_velocity(variables)) continue;
    if (name == derived.name)
      return {derived.kind, index_of(derived.first, variables), index_of(derived.second, variables)};
    known += comma_before(known) + derived.name;
  }
  fail(ICEGEN_BAD_ARGUMENT, "variable '", name, "' cannot be observed; wanted one of ", known);
}

bool have_velocity(const std::vector<std::string> &variables) {
  return index_of("siu", variables) < variables.size() && index_of("siv", variables) < variables.size();
}

template <class Real>
void compute(const Field &field, const float *state, std::size_t ocean_cells, const Target &target, Real *values) {
  if (field.kind == Field::blend) {
    std::copy(target.blend.begin(), target.blend.end(), values);
    return;
  }
  const float *first = state + field.first * ocean_cells, *second = state + field.second * ocean_cells;
  std::size_t i = 0;  // the next link
  for (std::size_t point = 0; point < target.valid.size(); ++point) {
    if (!target.valid[point]) continue;
    double a = 0, b = 0;  // sums over the links of the point
    bool more = true;
    for (; more; ++i) {
      const Link &link = target.links[i];
      const double x = first[link.cell], y = second[link.cell];
      switch (field.kind) {
        case Field::blend:
        case Field::variable:
          a += link.weight * x;
          break;
        case Field::quotient:
          a += link.weight * x, b += link.weight * y;
          break;
        case Field::eastward:
          a += link.weight * (target.turns[i].cosine * x - target.turns[i].sine * y);
          break;
        case Field::northward:
          a += link.weight * (target.turns[i].sine * x + target.turns[i].cosine * y);
          break;
      }
      more = link.more != 0;
    }
    if (field.kind == Field::quotient) a = b > 0 ? a / b : 0.0;
    values[point] = static_cast<Real>(static_cast<float>(a));
  }
}

template void compute(const Field &, const float *, std::size_t, const Target &, double *);
template void compute(const Field &, const float *, std::size_t, const Target &, float *);

}  // namespace icegen

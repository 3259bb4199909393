// SPDX-License-Identifier: MIT
// The thread that generates, and what it keeps.

#include "worker.h"

#include <cfenv>
#include <future>
#include <string>
#include <vector>

#include "error.h"
#include "parts.h"
#include "recent.h"

namespace {

void test_order_of_tasks() {
  std::feclearexcept(FE_ALL_EXCEPT);
  icegen::Worker worker;
  std::vector<int> order;
  auto first = worker.run([&] { order.push_back(1); });
  auto second = worker.run([&] { throw icegen::Error(ICEGEN_BACKEND_ERROR, "as planned"); });
  auto third = worker.run([&] { order.push_back(3); });
  third.get();
  first.get();
  check(order == std::vector<int>{1, 3}, "tasks run in order, and one that throws stops no other");
  std::promise<void> gate;
  worker.run([&] { gate.get_future().wait(); });
  order.clear();
  for (const int group : {1, 2, 1, 2, 3}) worker.run([&order, group] { order.push_back(group); }, group);
  worker.advance(2);
  gate.set_value();
  worker.run([] {}, 3).get();
  check(order == std::vector<int>{2, 2, 1, 1, 3}, "a group that is advanced passes the others");
  try {
    second.get();
    check(false, "get() throws what the task threw");
  } catch (const icegen::Error &error) {
    check(std::string(error.what()) == "as planned", "the message comes through");
  }
}

// What was used last stays.
void test_recent() {
  Recent<int, int, 2> values;
  values[1] = 10;
  values[2] = 20;
  check(values[1] == 10, "a value that is kept");
  values[3] = 30;
  check(values[1] == 10 && values[3] == 30, "the two that were used last");
  check(values[2] == 0, "the one that was used longest ago is made anew");
}

}  // namespace

void test_worker() {
  test_order_of_tasks();
  test_recent();
}

// SPDX-License-Identifier: MIT
// A thread that runs tasks one after the other, with the floating-point traps of the host masked.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace icegen {

class Worker {
 public:
  // at_end: run in the thread when it ends.
  explicit Worker(std::function<void()> at_end = [] {});
  ~Worker();  // ends it
  Worker(const Worker &) = delete;
  Worker &operator=(const Worker &) = delete;

  // Give up what is queued, and wait for the task under way. A program that ends with workers that live does so for
  // each, before the static objects that their tasks may be using are destroyed.
  void end();

  // Queue a task of a group. get() of the future waits for it and throws what it threw.
  std::shared_future<void> run(std::function<void()> work, int group = 0);

  // Let the tasks of a group that are queued pass those of others.
  void advance(int group) noexcept;

 private:
  struct Task {
    int group = 0;
    std::packaged_task<void()> work;
  };

  void loop();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool closing_ = false;
  std::function<void()> at_end_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace icegen

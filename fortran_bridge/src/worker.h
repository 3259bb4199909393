// SPDX-License-Identifier: MIT
// A thread that runs tasks one after the other, with the floating-point traps of the host masked.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace icegen {

class Worker {
 public:
  // at_end: run in the thread when it ends. Throws Error(ICEGEN_BACKEND_ERROR) if the program is ending.
  explicit Worker(std::function<void()> at_end = [] {});
  ~Worker();  // ends it
  Worker(const Worker &) = delete;
  Worker &operator=(const Worker &) = delete;

  // Refuse queued tasks, and wait for the task that is running. When a program ends, every worker ends in this way,
  // before the static objects that its task may use are destroyed.
  void end();

  // Queue a task of a group. get() of the future waits for it and throws what it threw. Once the worker has ended,
  // `run` throws Error(ICEGEN_BACKEND_ERROR), and so does the future of a task that was refused.
  std::shared_future<void> run(std::function<void()> work, int group = 0);

  // Move the queued tasks of a group to the front of the queue.
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
  std::atomic<bool> ended_{false};
  int at_exit_ = 0;  // used only in the thread: number of calls of `atexit`
  std::function<void()> at_end_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace icegen

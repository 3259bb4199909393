// SPDX-License-Identifier: MIT
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <set>

namespace icegen {
namespace {

// The thread, and those that a model makes in it, inherit that no signal reaches them: the host's handlers, which may
// call MPI, run in the host's threads alone.
std::thread without_signals(std::function<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread made;
  try {
    made = std::thread(std::move(body));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made;
}

// The workers of this process. Never destroyed, since a host may close an emulator as late as it likes.
struct Living {
  std::mutex mutex;
  std::set<Worker *> workers;
};
Living &living() {
  static auto *made = new Living;
  return *made;
}

// Of a thread that returns from main or calls exit, thread-local objects are destroyed before any static one, even
// those that libraries make while a task runs.
struct EndAtExit {
  ~EndAtExit() {
    if (gettid() != getpid()) return;  // another thread than main's ends; the process goes on
    const std::lock_guard lock(living().mutex);
    for (Worker *worker : living().workers) worker->end();
    living().workers.clear();
  }
};

}  // namespace

Worker::Worker(std::function<void()> at_end) : at_end_(std::move(at_end)) {
  static thread_local EndAtExit end_at_exit;
  static_cast<void>(end_at_exit);
  const std::lock_guard lock(living().mutex);
  const auto place = living().workers.insert(this).first;
  try {
    thread_ = without_signals([this] { loop(); });
  } catch (...) {
    living().workers.erase(place);
    throw;
  }
}

Worker::~Worker() {
  {
    const std::lock_guard lock(living().mutex);
    living().workers.erase(this);
  }
  end();
}

void Worker::end() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    tasks_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::shared_future<void> Worker::run(std::function<void()> work, int group) {
  Task task = {group, std::packaged_task<void()>(std::move(work))};
  std::shared_future<void> done = task.work.get_future().share();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return done;
}

void Worker::advance(int group) noexcept {
  const std::lock_guard lock(mutex_);
  std::stable_partition(tasks_.begin(), tasks_.end(), [=](const Task &task) { return task.group == group; });
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    // A new thread inherits the traps of its maker, and a task may leave some; neural networks overflow and divide by
    // zero without harm.
    std::fesetenv(FE_DFL_ENV);
    task.work();
    lock.lock();
  }
  at_end_();
}

}  // namespace icegen

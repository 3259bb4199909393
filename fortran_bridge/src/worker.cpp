// SPDX-License-Identifier: MIT
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <cstdlib>
#include <set>
#include <utility>

#include "error.h"
#include "placement.h"

namespace icegen {
namespace {

// The thread, and threads that a model makes in it, receive no signals from outside, so that the host's handlers, which
// may call MPI, run in the host's threads. Signals of a fault in the thread itself are not blocked, so that the host's
// crash handler runs.
std::thread without_signals(std::function<void()> body) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
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

// The workers of this process. Never destroyed, because a host may close an emulator as late as it likes.
struct Living {
  std::mutex mutex;
  std::set<Worker *> workers;
  bool over = false;  // the process is ending
};
Living &living() {
  static auto *made = new Living;
  return *made;
}

void end_all() {
  const std::lock_guard lock(living().mutex);
  living().over = true;
  for (Worker *worker : living().workers) worker->end();
  living().workers.clear();
}

// Workers have to end before the static objects that their tasks use are destroyed. Two hooks do this:
//
// - Thread-local objects of the main thread, for a process that ends there: they are destroyed before all static
//   objects, even those that a task is making.
// - `atexit`, for a process that ends in another thread. What is registered last runs first, so it is registered
//   when a task is done, after the static objects that the task made.
struct EndWithMainThread {
  ~EndWithMainThread() {
    if (gettid() == getpid()) end_all();  // else another thread ends, and the process goes on
  }
};
[[noreturn]] void refuse() {
  fail(ICEGEN_BACKEND_ERROR, "the program is ending; the emulator generates no more members");
}

// The number of tasks after which a worker calls `atexit`. The first tasks look at the node, load the model, and make
// its first states; libraries make their static objects in these.
constexpr int kFirstTasks = 3;

thread_local EndWithMainThread end_with_main_thread;
void end_with_this_thread() { static_cast<void>(&end_with_main_thread); }  // made at its first use

// The library is usually loaded by the main thread, which need not be the one that opens an emulator.
[[maybe_unused]] const bool in_loading_thread = (end_with_this_thread(), true);

}  // namespace

Worker::Worker(std::function<void()> at_end) : at_end_(std::move(at_end)) {
  end_with_this_thread();
  const std::lock_guard lock(living().mutex);
  if (living().over) refuse();
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
    ended_ = true;
  }
  wake_.notify_one();
  // A task may end the process itself.
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

std::shared_future<void> Worker::run(std::function<void()> work, int group) {
  const auto unless_ended = [this, work = std::move(work)] {
    if (ended_) refuse();
    work();
    if (at_exit_ < kFirstTasks && std::atexit(end_all) == 0) ++at_exit_;
  };
  Task task = {group, std::packaged_task<void()>(unless_ended)};
  std::shared_future<void> done = task.work.get_future().share();
  {
    const std::lock_guard lock(mutex_);
    if (ended_) refuse();
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
  pthread_setname_np(pthread_self(), kThreadName);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
    if (tasks_.empty()) break;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    // A new thread inherits the traps of the thread that makes it, and a task may leave some. Neural networks may
    // overflow and divide by zero without harm.
    std::fesetenv(FE_DFL_ENV);
    task.work();
    lock.lock();
  }
  at_end_();
}

}  // namespace icegen

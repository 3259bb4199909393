// SPDX-License-Identifier: MIT
#include "worker.h"

#include <pthread.h>
#include <signal.h>

#include <cfenv>

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

}  // namespace

Worker::Worker(std::function<void()> at_end)
    : at_end_(std::move(at_end)), thread_(without_signals([this] { loop(); })) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::shared_future<void> Worker::run(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  std::shared_future<void> done = packaged.get_future().share();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(packaged));
  }
  wake_.notify_one();
  return done;
}

void Worker::loop() {
  // A new thread inherits the traps of its maker; neural networks overflow and divide by zero without harm.
  std::fesetenv(FE_DFL_ENV);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (tasks_.empty()) break;
    std::packaged_task<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
  at_end_();
}

}  // namespace icegen

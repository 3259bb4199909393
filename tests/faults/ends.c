/* SPDX-License-Identifier: MIT */
/*
 * A host that ends, or is hit by a signal, in threads of its own choice: ends NAMELIST HOW. HOW is
 *
 *   returned       another thread opens and requests; main returns 3
 *   exited         main opens and requests; another thread calls exit(3)
 *   both           another thread opens and requests, and calls exit(3)
 *   afterwards     main returns 0; a function of atexit calls the emulator, prints each status and message, and closes
 *   crashed        the model's thread raises SIGSEGV on day 114, the handler of the host ends with status 42
 */

#define _GNU_SOURCE

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "host.h"

static const char *path;
static icegen_emulator *ice;

static void generate(int members, int day) {
  const double lon = 0, lat = 90;
  if (icegen_open(world, path, &ice, message, sizeof message) != 0 ||
      icegen_add_target(ice, "pole", 1, &lon, &lat, message, sizeof message) != 0 ||
      icegen_request(ice, members, 2001, day, message, sizeof message) != 0) {
    fprintf(stderr, "FAILED: %s\n", message);
    _exit(1);
  }
}

static void *opens(void *unused) {
  generate(100, 15);
  return unused;
}

static void *exits(void *unused) {
  exit(3);
  return unused;
}

static void *opens_and_exits(void *unused) {
  generate(100, 15);
  return exits(unused);
}

static void in_thread(void *(*body)(void *)) {
  pthread_t thread;
  pthread_create(&thread, NULL, body, NULL);
  pthread_join(thread, NULL);
}

static void say(const char *call, int status) { printf("%s %d %s\n", call, status, message); }

static void afterwards(void) {
  double value;
  signed char valid;
  int ready = 0;
  icegen_emulator *another = NULL;
  say("test", icegen_test(ice, 1, &ready, message, sizeof message));
  say("receive", icegen_receive_f64(ice, "pole", "sic", 3, 1, &value, &valid, message, sizeof message));
  say("request", icegen_request(ice, 1, 2001, 20, message, sizeof message));
  say("open", icegen_open(world, path, &another, message, sizeof message));
  say("close", icegen_close(&ice, message, sizeof message));
  fflush(stdout);
}

static void crashed(int signal) {
  (void)signal;
  _exit(42);
}

int main(int argc, char **argv) {
  host_begin(&argc, &argv);
  if (argc != 3) return 2;
  path = argv[1];
  const char *how = argv[2];
  if (strcmp(how, "returned") == 0) {
    in_thread(opens);
    return 3;
  }
  if (strcmp(how, "both") == 0) in_thread(opens_and_exits);
  if (strcmp(how, "crashed") == 0) signal(SIGSEGV, crashed);
  generate(100, strcmp(how, "crashed") == 0 ? 114 : 15);
  if (strcmp(how, "exited") == 0) in_thread(exits);
  if (strcmp(how, "crashed") == 0) sleep(30);
  atexit(afterwards);
  return 0;
}

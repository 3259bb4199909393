// SPDX-License-Identifier: MIT
// A host that does what a scenario says, through icegen.h, and tells what it heard.
//
// bad_input_host SCENARIO: each line of the file is a call and its arguments, parted by tabs. "A@1=B" is B on rank 1
// and A on the others; "null" is a null pointer. The first rank prints a line for each call: its status, "same" if all
// ranks heard the same or else "unequal", and the message, or what was received.

#include <icegen.h>
#include <mpi.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> parts(const std::string &text, char separator) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) all.push_back(part);
  if (text.empty() || text.back() == separator) all.emplace_back();
  return all;
}

class Arguments {
 public:
  Arguments(const std::string &line, int rank) : fields_(parts(line, '\t')) {
    for (std::string &field : fields_) {
      const std::size_t at = field.find("@1=");
      if (at != std::string::npos) field = rank == 1 ? field.substr(at + 3) : field.substr(0, at);
    }
  }
  const char *text(std::size_t i) const { return fields_.at(i) == "null" ? nullptr : fields_.at(i).c_str(); }
  long whole(std::size_t i) const { return std::stol(fields_.at(i)); }
  double real(std::size_t i) const { return std::stod(fields_.at(i)); }

  // Numbers with commas between; data() of "null" is a null pointer.
  template <class T>
  std::vector<T> list(std::size_t i) const {
    std::vector<T> numbers;
    if (text(i) == nullptr) return numbers;
    for (const std::string &number : parts(fields_.at(i), ',')) numbers.push_back(static_cast<T>(std::stod(number)));
    return numbers;
  }

 private:
  std::vector<std::string> fields_;
};

icegen_emulator *ice = nullptr;
char message[512];

// Two groups of ranks, the first one alone in its own.
int inter_communicator() {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm half, between;
  MPI_Comm_split(MPI_COMM_WORLD, rank > 0, 0, &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, rank > 0 ? 0 : 1, 0, &between);
  return MPI_Comm_c2f(between);
}

int freed_communicator() {
  MPI_Comm comm;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  const int handle = MPI_Comm_c2f(comm);
  MPI_Comm_free(&comm);
  return handle;
}

int open_emulator(const Arguments &a, std::string &) {
  const std::string comm = a.text(2);
  const int handle = comm == "world"     ? MPI_Comm_c2f(MPI_COMM_WORLD)
                     : comm == "nothing" ? MPI_Comm_c2f(MPI_COMM_NULL)
                     : comm == "inter"   ? inter_communicator()
                     : comm == "freed"   ? freed_communicator()
                                         : std::stoi(comm);
  return icegen_open(handle, a.text(1), &ice, message, sizeof message);
}

int add_target(const Arguments &a, std::string &) {
  const auto lon = a.list<double>(3), lat = a.list<double>(4);
  return icegen_add_target_by(ice, a.text(1), a.whole(2), lon.data(), lat.data(), a.text(5), a.text(6), a.real(7),
                              message, sizeof message);
}

int add_target_weights(const Arguments &a, std::string &) {
  const auto lon = a.list<double>(3), lat = a.list<double>(4);
  const auto cells = a.list<int>(7);
  return icegen_add_target_weights(ice, a.text(1), a.whole(2), lon.data(), lat.data(), a.text(5), a.text(6),
                                   cells.data(), message, sizeof message);
}

int request(const Arguments &a, std::string &) {
  return icegen_request_slot(ice, a.whole(1), a.whole(2), a.whole(3), a.whole(4), a.whole(5), message, sizeof message);
}

int give(const Arguments &a, std::string &) {
  const auto values = a.list<double>(4);
  return icegen_give_f64(ice, a.text(1), a.text(2), a.whole(3), values.data(), nullptr, message, sizeof message);
}

int observe(const Arguments &a, std::string &) {
  const auto values = a.list<double>(4), errors = a.list<double>(5);
  return icegen_observe_f64(ice, a.text(1), a.text(2), a.whole(3), values.data(), errors.data(), nullptr, message,
                            sizeof message);
}

int analyse(const Arguments &a, std::string &) {
  return icegen_analyse(ice, a.whole(1), a.whole(2), a.whole(3), a.whole(4), a.whole(5), message, sizeof message);
}

int perturb(const Arguments &a, std::string &) {
  return icegen_perturb(ice, a.whole(1), a.whole(2), a.whole(3), a.real(4), a.whole(5), a.whole(6), message,
                        sizeof message);
}

int test(const Arguments &a, std::string &) {
  int ready = 0;
  return icegen_test(ice, a.whole(1), a.text(2) == nullptr ? nullptr : &ready, message, sizeof message);
}

// Values that are not written stay -1.
int receive(const Arguments &a, std::string &received) {
  const long n = a.whole(5);
  std::vector<double> values(n > 0 ? n : 0, -1);
  std::vector<signed char> valid(values.size());
  const int status =
      icegen_receive_slot_f64(ice, a.whole(1), a.text(2), a.text(3), a.whole(4), n,
                              a.text(6) == nullptr ? nullptr : values.data(), valid.data(), message, sizeof message);
  for (const double value : values) received += std::to_string(value) + " ";
  return status;
}

int get_state(const Arguments &a, std::string &received) {
  std::vector<char> state(ICEGEN_STATE_SIZE);
  const int status =
      icegen_get_state(ice, a.text(2) == nullptr ? nullptr : state.data(), a.whole(1), message, sizeof message);
  received = state.data();
  return status;
}

int set_state(const Arguments &a, std::string &) { return icegen_set_state(ice, a.text(1), message, sizeof message); }

int fill_categories(const Arguments &a, std::string &) {
  const auto area = a.list<double>(2), volume = a.list<double>(3), bounds = a.list<double>(5);
  std::vector<double> areas(64), volumes(64);
  return icegen_fill_categories_f64(a.whole(1), area.data(), volume.data(), a.whole(4), bounds.data(), areas.data(),
                                    volumes.data(), message, sizeof message);
}

int close_emulator(const Arguments &, std::string &) { return icegen_close(&ice, message, sizeof message); }

// Damage a file: flip FILE OFFSET BITS.
bool flip(const Arguments &a) {
  std::fstream file(a.text(1), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(a.whole(2));
  const char changed = static_cast<char>(file.get() ^ a.whole(3));
  file.seekp(a.whole(2));
  file.put(changed);
  return static_cast<bool>(file.flush());
}

// Cut a file: cut FILE SIZE.
bool cut(const Arguments &a) { return truncate(a.text(1), a.whole(2)) == 0; }

const std::map<std::string, std::function<int(const Arguments &, std::string &)>> kCalls = {
    {"open", open_emulator},
    {"target", add_target},
    {"weights", add_target_weights},
    {"request", request},
    {"test", test},
    {"receive", receive},
    {"give", give},
    {"perturb", perturb},
    {"observe", observe},
    {"analyse", analyse},
    {"get_state", get_state},
    {"set_state", set_state},
    {"categories", fill_categories},
    {"close", close_emulator},
};

// Whether status and text are the same on all ranks.
bool same_everywhere(int status, const std::string &text) {
  const int size = static_cast<int>(text.size());
  int mine[4] = {status, -status, size, -size}, most[4];
  MPI_Allreduce(mine, most, 4, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (most[0] != -most[1] || most[2] != -most[3]) return false;
  std::string first = text;
  MPI_Bcast(first.data(), size, MPI_CHAR, 0, MPI_COMM_WORLD);
  int equal = first == text, all = 0;
  MPI_Allreduce(&equal, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return all != 0;
}

}  // namespace

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  std::ifstream scenario(argc > 1 ? argv[1] : "");
  for (std::string line; std::getline(scenario, line);) {
    const Arguments arguments(line, rank);
    const std::string name = arguments.text(0);
    if (name == "flip" || name == "cut") {
      if (rank == 0 && !(name == "flip" ? flip(arguments) : cut(arguments))) MPI_Abort(MPI_COMM_WORLD, 2);
      MPI_Barrier(MPI_COMM_WORLD);
      continue;
    }
    std::string received;
    const int status = kCalls.at(name)(arguments, received);
    const std::string text = status == ICEGEN_SUCCESS ? received : message;
    const bool same = same_everywhere(status, text);
    if (rank == 0) std::cout << status << (same ? " same " : " unequal ") << text << '\n' << std::flush;
  }
  MPI_Finalize();
  return 0;
}

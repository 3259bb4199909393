// SPDX-License-Identifier: MIT
#ifndef ICEGEN_RECENT_H
#define ICEGEN_RECENT_H

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

// Values by key. Only those that were used most recently are kept.
template <class Key, class Value, std::size_t Most>
class Recent {
 public:
  // The value of a key. If there is no room, a new key replaces the least recently used one.
  Value &operator[](const Key &key) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto &e) { return e.first == key; });
    if (found != entries_.end()) {
      std::rotate(entries_.begin(), found, found + 1);
    } else {
      if (entries_.size() == Most) entries_.pop_back();
      entries_.emplace_front(key, Value());
    }
    return entries_.front().second;
  }

 private:
  std::deque<std::pair<Key, Value>> entries_;  // the most recently used comes first
};

#endif

// SPDX-License-Identifier: MIT
// The checksum.

#include "sha256.h"

#include <algorithm>
#include <string>

#include "parts.h"

namespace {

std::string sha256(const std::string &text, std::size_t piece = 1000) {
  icegen::Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += piece) hash.add(text.data() + at, std::min(piece, text.size() - at));
  return hash.digest();
}

}  // namespace

void test_sha256() {  // FIPS 180-4 examples
  check(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
  check(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  check(sha256(two_blocks) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "two blocks");
  const std::string million(1000000, 'a');
  for (const std::size_t piece : {1, 55, 63, 64, 65, 1000, 1000000})
    check(sha256(million, piece) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
          "the same in pieces of any size");
}

#include "raft/crc32c.h"

#include <array>
#include <cstring>

#include "base/big_endian.h"

namespace skiff::raft {
namespace {

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

uint32_t Portable(absl::string_view data, uint32_t crc) {
  for (const char c : data) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) uint32_t Hardware(absl::string_view data, uint32_t crc) {
  uint64_t wide = crc;
  for (; data.size() >= 8; data.remove_prefix(8)) {
    uint64_t word;
    memcpy(&word, data.data(), 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (const char c : data) crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(c));
  return crc;
}
#endif

}  // namespace

uint32_t Crc32c(absl::string_view data, uint32_t crc) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("sse4.2")) return ~Hardware(data, ~crc);
#endif
  return ~Portable(data, ~crc);
}

std::string Crc32cBytes(absl::string_view data, uint32_t crc) {
  crc = Crc32c(data, crc);
  std::string out;
  PutBigEndian(crc, &out);
  return out;
}

}  // namespace skiff::raft

// Archives made in memory.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <vector>

namespace skiff::runtime {

struct TarEntry {
  std::string name;
  std::string content;
  std::string symlink = {};
  int mode = 0755;
};

inline std::string MakeTar(const std::vector<TarEntry>& entries) {
  std::vector<char> buffer(8 << 20);
  size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_pax_restricted(a);
  archive_write_set_bytes_in_last_block(a, 1);
  archive_write_open_memory(a, buffer.data(), buffer.size(), &used);
  for (const TarEntry& item : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.name.c_str());
    archive_entry_set_perm(entry, static_cast<mode_t>(item.mode));
    const bool directory = item.name.back() == '/';
    archive_entry_set_filetype(entry, !item.symlink.empty() ? AE_IFLNK
                                      : directory           ? AE_IFDIR
                                                            : AE_IFREG);
    if (!item.symlink.empty()) archive_entry_set_symlink(entry, item.symlink.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    archive_write_header(a, entry);
    if (!item.content.empty()) archive_write_data(a, item.content.data(), item.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  return std::string(buffer.data(), used);
}

}  // namespace skiff::runtime

#include "raft/rows_file.h"

#include "absl/cleanup/cleanup.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_writer.h"

namespace skiff::raft {
namespace {

using rocksdb::Status;

Status Add(const Row& row, rocksdb::SstFileWriter* writer) {
  return row.value ? writer->Put(row.key, *row.value) : writer->Delete(row.key);
}

Status WriteFile(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, const std::string& path,
                 const Row& first, const std::vector<Row>& rows,
                 rocksdb::ExternalSstFileInfo* info) {
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(db->GetDBOptions()), db->GetOptions(family),
                                family);
  Status status = writer.Open(path);
  if (status.ok()) status = Add(first, &writer);
  for (auto row = rows.begin(); status.ok() && row != rows.end(); ++row) {
    status = Add(*row, &writer);
  }
  return status.ok() ? writer.Finish(info) : status;
}

}  // namespace

Status IngestRows(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, const std::string& path,
                  const Row& first, const std::vector<Row>& rows) {
  const absl::Cleanup remove = [&] { db->GetEnv()->DeleteFile(path).PermitUncheckedError(); };
  rocksdb::ExternalSstFileInfo info;
  const Status written = WriteFile(db, family, path, first, rows, &info);
  if (!written.ok()) return written;
  rocksdb::IngestExternalFileArg file;
  file.column_family = family;
  file.external_files = {path};
  file.files_checksums = {info.file_checksum};
  file.files_checksum_func_names = {info.file_checksum_func_name};
  file.options.move_files = true;
  file.options.write_global_seqno = false;    // It would have to be written twice.
  file.options.verify_file_checksum = false;  // It was made a moment ago.
  return db->IngestExternalFiles({file});
}

}  // namespace skiff::raft

// Logging without a global: whoever opens a cluster owns the sink, and each part gets a Logger that
// carries its name. A library never writes to the host's standard streams unless told to.
//
//   Logger log(sink, "scheduler");
//   log.Info("bound %s to %s", pod, node);
//
// Threads: any.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace skiff {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(LogLevel level, absl::string_view part, absl::string_view message) = 0;
};

// Lines on standard error, "2026-01-02T15:04:05.123Z W scheduler: message"; what is below `least`
// is dropped.
std::shared_ptr<LogSink> StderrSink(LogLevel least);

class Logger {
 public:
  // Logs nowhere.
  Logger() = default;
  Logger(std::shared_ptr<LogSink> sink, std::string part)
      : sink_(std::move(sink)), part_(std::move(part)) {}

  // The same sink under another name.
  Logger Named(std::string part) const { return Logger(sink_, std::move(part)); }

  template <typename... Args>
  void Debug(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    Write(LogLevel::kDebug, format, args...);
  }
  template <typename... Args>
  void Info(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    Write(LogLevel::kInfo, format, args...);
  }
  template <typename... Args>
  void Warning(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    Write(LogLevel::kWarning, format, args...);
  }
  template <typename... Args>
  void Error(const absl::FormatSpec<Args...>& format, const Args&... args) const {
    Write(LogLevel::kError, format, args...);
  }

 private:
  template <typename... Args>
  void Write(LogLevel level, const absl::FormatSpec<Args...>& format, const Args&... args) const {
    if (sink_) sink_->Write(level, part_, absl::StrFormat(format, args...));
  }

  std::shared_ptr<LogSink> sink_;
  std::string part_;
};

}  // namespace skiff

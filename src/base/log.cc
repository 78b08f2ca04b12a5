#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace skiff {
namespace {

class SpdlogSink final : public LogSink {
 public:
  explicit SpdlogSink(LogLevel least)
      : logger_("skiff", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %L %v",
                                                                 spdlog::pattern_time_type::utc);
    logger_.set_formatter(std::move(formatter));
    logger_.set_level(Level(least));
  }

  void Write(LogLevel level, absl::string_view part, absl::string_view message) override {
    logger_.log(Level(level), "{}: {}", std::string(part), std::string(message));
  }

 private:
  static spdlog::level::level_enum Level(LogLevel level) {
    switch (level) {
      case LogLevel::kDebug:
        return spdlog::level::debug;
      case LogLevel::kInfo:
        return spdlog::level::info;
      case LogLevel::kWarning:
        return spdlog::level::warn;
      case LogLevel::kError:
        return spdlog::level::err;
    }
    return spdlog::level::err;
  }

  spdlog::logger logger_;
};

}  // namespace

std::shared_ptr<LogSink> StderrSink(LogLevel least) { return std::make_shared<SpdlogSink>(least); }

}  // namespace skiff

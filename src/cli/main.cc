// The command line: arguments and output, nothing else.
#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/commands.h"

namespace {

using skiff::cli::Common;

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cout << std::flush;
  std::cerr << "error: " << std::string(status.message()) << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Skiff: Kubernetes as a library, and this program around it."};
  app.require_subcommand(1);
  int result = 0;
  Common common;
  const auto with_common = [&](CLI::App* command) {
    command->add_option("--kubeconfig", common.kubeconfig, "The cluster to talk to");
    command->add_option("-n,--namespace", common.name_space, "The namespace (default)");
  };

  skiff::cli::DevOptions dev;
  CLI::App* dev_command = app.add_subcommand("dev", "Run a cluster in the foreground");
  dev_command->add_option("--nodes", dev.nodes, "Nodes; 0: the control plane only");
  dev_command->add_option("--data-dir", dev.data_dir, "Where everything is kept; none: in memory");
  dev_command->add_option("--listen", dev.listen, "HOST:PORT of the API; port 0 takes a free one");
  dev_command->add_option("--kubeconfig", dev.kubeconfig, "Where to write the kubeconfig");
  dev_command->add_option("--runtime", dev.runtime,
                          "linux, process or fake: for pods that name none");
  dev_command->add_flag("-v,--verbose", dev.verbose, "Say more on standard error");
  dev_command->callback([&] { result = Report(skiff::cli::Dev(dev)); });

  std::vector<std::string> files;
  CLI::App* apply = app.add_subcommand("apply", "Create or change what a manifest says");
  with_common(apply);
  apply->add_option("-f,--filename", files, "YAML or JSON; - for standard input")->required();
  apply->callback([&] { result = Report(skiff::cli::Apply(common, files)); });

  skiff::cli::GetOptions get;
  CLI::App* get_command =
      app.add_subcommand("get", "Show objects: get pods, get pod/web-1 -o yaml");
  with_common(get_command);
  get_command->add_option("what", get.what, "KIND [NAME…] or KIND/NAME…")->required();
  get_command->add_option("-o,--output", get.output, "wide, json, yaml or name");
  get_command->add_option("-l,--selector", get.selector, "Labels: app=web");
  get_command->add_flag("-A,--all-namespaces", get.all_namespaces, "Of every namespace");
  get_command->add_flag("--no-headers", get.no_headers, "Without the first line");
  get_command->add_flag("-w,--watch", get.watch, "Then go on with every change, in JSON");
  get_command->callback([&] { result = Report(skiff::cli::Get(common, get)); });

  std::vector<std::string> what;
  CLI::App* del = app.add_subcommand("delete", "Delete objects");
  with_common(del);
  del->add_option("what", what, "KIND NAME… or KIND/NAME…");
  del->add_option("-f,--filename", files, "What a manifest names");
  del->callback([&] { result = Report(skiff::cli::Delete(common, files, what)); });

  skiff::cli::LogsOptions logs;
  CLI::App* logs_command = app.add_subcommand("logs", "Print a container's output");
  with_common(logs_command);
  logs_command->add_option("what", logs.what, "POD, or job/NAME")->required();
  logs_command->add_option("-c,--container", logs.container, "Which one, where there are several");
  logs_command->add_flag("-f,--follow", logs.follow, "Go on as it grows");
  logs_command->add_flag("-p,--previous", logs.previous, "Of the run before");
  logs_command->add_option("--tail", logs.tail, "Only the last so many lines");
  logs_command->callback([&] { result = Report(skiff::cli::Logs(common, logs)); });

  std::string condition;
  std::string timeout = "30s";
  CLI::App* wait = app.add_subcommand("wait", "Wait until an object is as asked");
  with_common(wait);
  wait->add_option("what", what, "KIND/NAME…")->required();
  wait->add_option("--for", condition, "condition=NAME, delete, or jsonpath={PATH}=VALUE")
      ->required();
  wait->add_option("--timeout", timeout, "How long at most, in seconds: 30s");
  wait->callback([&] {
    result =
        Report(skiff::cli::Wait(common, what, condition, std::max(1, std::atoi(timeout.c_str()))));
  });

  skiff::cli::RunOptions run;
  CLI::App* run_command = app.add_subcommand("run", "Run one pod: run hello --image web:v1 -- CMD");
  with_common(run_command);
  run_command->add_option("name", run.name, "Its name")->required();
  run_command->add_option("--image", run.image, "What it runs");
  run_command->add_option("--restart", run.restart, "Always, OnFailure or Never");
  run_command->add_option("--runtime-class", run.runtime_class, "linux, process or fake");
  run_command->add_option("command", run.command, "After --: the command instead of the image's");
  run_command->callback([&] { result = Report(skiff::cli::Run(common, run)); });

  std::string data_dir;
  std::string file;
  CLI::App* image = app.add_subcommand("image", "Images on this machine's nodes");
  image->require_subcommand(1);
  CLI::App* load = image->add_subcommand("load", "Load an OCI layout or a docker save archive");
  load->add_option("--data-dir", data_dir,
                   "The cluster's; $SKIFF_DATA_DIR or /var/lib/skiff if none");
  load->add_option("file", file, "The archive or directory")->required();
  load->callback([&] { result = Report(skiff::cli::ImageLoad(data_dir, file)); });
  CLI::App* list = image->add_subcommand("list", "What is there");
  list->add_option("--data-dir", data_dir,
                   "The cluster's; $SKIFF_DATA_DIR or /var/lib/skiff if none");
  list->callback([&] { result = Report(skiff::cli::ImageList(data_dir)); });

  app.add_subcommand("check", "What this host's kernel and rights allow")->callback([&] {
    result = Report(skiff::cli::Check());
  });
  app.add_subcommand("version", "Print the version")->callback([] {
    std::cout << "skiff " << SKIFF_VERSION << " (Kubernetes v1.35 API)\n";
  });

  CLI11_PARSE(app, argc, argv);
  return result;
}

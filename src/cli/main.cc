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

// Options that outlive the parsing: a command runs from its callback, while main() is parsing.
struct Arguments {
  Common common;
  skiff::cli::DevOptions dev;
  skiff::cli::ServerOptions server;
  skiff::cli::GetOptions get;
  skiff::cli::LogsOptions logs;
  skiff::cli::RunOptions run;
  std::vector<std::string> files;
  std::vector<std::string> what;
  std::string condition;
  std::string timeout = "30s";
  std::string data_dir;
  std::string file;
  std::string name;
  std::string address;
  bool offline = false;
  int result = 0;
};

// Adds a command that talks to a running cluster.
CLI::App* AddClient(CLI::App& app, Arguments& args, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--kubeconfig", args.common.kubeconfig, "The cluster to talk to");
  command->add_option("-n,--namespace", args.common.name_space, "The namespace (default)");
  return command;
}

void AddClusterOptions(CLI::App* command, skiff::cli::DevOptions* options) {
  command->add_option("--nodes", options->nodes, "Nodes here; 0: the control plane only");
  command->add_option("--listen", options->listen,
                      "HOST:PORT of the API, with TLS; port 0 takes a free one; "
                      "http://127.0.0.1:PORT without TLS");
  command->add_option("--token-auth-file", options->token_auth_file,
                      "Users known by a token: lines of TOKEN,USER,UID,\"GROUP,GROUP\"");
  command->add_option("--kubeconfig", options->kubeconfig, "Where to write the kubeconfig");
  command->add_option("--runtime", options->runtime,
                      "linux, process or fake: for pods that name none");
  command->add_flag("-v,--verbose", options->verbose, "Say more on standard error");
}

void AddDev(CLI::App& app, Arguments& args) {
  CLI::App* dev = app.add_subcommand("dev", "Run a cluster in the foreground");
  AddClusterOptions(dev, &args.dev);
  dev->add_option("--data-dir", args.dev.data_dir, "Where everything is kept; none: in memory");
  dev->callback([&args] { args.result = Report(skiff::cli::Dev(args.dev)); });
}

void AddMemberOptions(CLI::App* command, skiff::cli::ServerOptions* options) {
  command->add_option("--name", options->name, "The member's name among the others");
  command->add_option("--peer-listen", options->peer_listen,
                      "IP:PORT where it listens for the other members");
  command->add_option("--peer-advertise", options->peer_advertise,
                      "HOST:PORT where they reach it, if not there");
}

void AddServer(CLI::App& app, Arguments& args) {
  CLI::App* server = app.add_subcommand("server", "Run one member of a control plane of several");
  args.server.cluster.nodes = 0;
  AddClusterOptions(server, &args.server.cluster);
  AddMemberOptions(server, &args.server);
  server->add_option("--data-dir", args.server.cluster.data_dir, "Where everything is kept")
      ->required();
  server->add_option("--join", args.server.join,
                     "At its first start: what `skiff member add` printed, or @FILE");
  server->callback([&args] { args.result = Report(skiff::cli::Server(args.server)); });
}

using MemberCommand = absl::Status (*)(const std::string& data_dir, const std::string& name);

void AddMemberCommand(CLI::App* member, Arguments& args, const char* name, const char* help,
                      MemberCommand run) {
  CLI::App* command = member->add_subcommand(name, help);
  command->add_option("--data-dir", args.data_dir, "Of the member that is asked")->required();
  command->add_option("name", args.name, "The member's name")->required();
  command->callback([&args, run] { args.result = Report(run(args.data_dir, args.name)); });
}

void AddMembers(CLI::App& app, Arguments& args) {
  const char* const help = "Of the member that is asked";
  CLI::App* member = app.add_subcommand("member", "Who takes part in a control plane of several");
  member->require_subcommand(1);
  CLI::App* list = member->add_subcommand("list", "Who there is");
  list->add_option("--data-dir", args.data_dir, help)->required();
  list->callback([&args] { args.result = Report(skiff::cli::MemberList(args.data_dir)); });
  CLI::App* add = member->add_subcommand("add", "Take in one, as a learner; prints its token");
  add->add_option("--data-dir", args.data_dir, help)->required();
  add->add_option("name", args.name, "Its name")->required();
  add->add_option("address", args.address, "HOST:PORT where the others will reach it")->required();
  add->callback([&args] {
    args.result = Report(skiff::cli::MemberAdd(args.data_dir, args.name, args.address));
  });
  AddMemberCommand(member, args, "promote", "Make a learner that has caught up a voter",
                   skiff::cli::MemberPromote);
  AddMemberCommand(member, args, "remove", "Let one go", skiff::cli::MemberRemove);
  AddMemberCommand(member, args, "lead", "Hand leadership to one", skiff::cli::MemberLead);
}

void AddSnapshots(CLI::App& app, Arguments& args) {
  CLI::App* snapshot = app.add_subcommand("snapshot", "All objects in one file");
  snapshot->require_subcommand(1);
  CLI::App* save = snapshot->add_subcommand("save", "Save what a member has");
  save->add_option("--data-dir", args.data_dir, "Of the member that is asked")->required();
  save->add_option("file", args.file, "Where to; replaced if it is there")->required();
  save->add_flag("--offline", args.offline, "No process has the directory open");
  save->callback([&args] {
    args.result = Report(skiff::cli::SnapshotSave(args.data_dir, args.file, args.offline));
  });
  CLI::App* restore = snapshot->add_subcommand("restore", "Begin a new cluster with one");
  restore->add_option("--data-dir", args.data_dir, "Of the new cluster: made")->required();
  AddMemberOptions(restore, &args.server);
  restore->add_option("file", args.file, "What `skiff snapshot save` made")->required();
  restore->callback([&args] {
    args.result = Report(skiff::cli::SnapshotRestore(args.file, args.data_dir, args.server));
  });
}

void AddObjects(CLI::App& app, Arguments& args) {
  CLI::App* apply = AddClient(app, args, "apply", "Create or change what a manifest says");
  apply->add_option("-f,--filename", args.files, "YAML or JSON; - for standard input")->required();
  apply->callback([&args] { args.result = Report(skiff::cli::Apply(args.common, args.files)); });

  CLI::App* get = AddClient(app, args, "get", "Show objects: get pods, get pod/web-1 -o yaml");
  get->add_option("what", args.get.what, "KIND [NAME…] or KIND/NAME…")->required();
  get->add_option("-o,--output", args.get.output, "wide, json, yaml or name");
  get->add_option("-l,--selector", args.get.selector, "Labels: app=web");
  get->add_flag("-A,--all-namespaces", args.get.all_namespaces, "Of every namespace");
  get->add_flag("--no-headers", args.get.no_headers, "Without the first line");
  get->add_flag("-w,--watch", args.get.watch, "Then go on with every change, in JSON");
  get->callback([&args] { args.result = Report(skiff::cli::Get(args.common, args.get)); });

  CLI::App* del = AddClient(app, args, "delete", "Delete objects");
  del->add_option("what", args.what, "KIND NAME… or KIND/NAME…");
  del->add_option("-f,--filename", args.files, "What a manifest names");
  del->callback(
      [&args] { args.result = Report(skiff::cli::Delete(args.common, args.files, args.what)); });

  CLI::App* wait = AddClient(app, args, "wait", "Wait until an object is as asked");
  wait->add_option("what", args.what, "KIND/NAME…")->required();
  wait->add_option("--for", args.condition, "condition=NAME, delete, or jsonpath={PATH}=VALUE")
      ->required();
  wait->add_option("--timeout", args.timeout, "How long at most, in seconds: 30s");
  wait->callback([&args] {
    const int seconds = std::max(1, std::atoi(args.timeout.c_str()));
    args.result = Report(skiff::cli::Wait(args.common, args.what, args.condition, seconds));
  });
}

void AddPods(CLI::App& app, Arguments& args) {
  CLI::App* logs = AddClient(app, args, "logs", "Print a container's output");
  logs->add_option("what", args.logs.what, "POD, or job/NAME")->required();
  logs->add_option("-c,--container", args.logs.container, "Which one, where there are several");
  logs->add_flag("-f,--follow", args.logs.follow, "Go on as it grows");
  logs->add_flag("-p,--previous", args.logs.previous, "Of the run before");
  logs->add_option("--tail", args.logs.tail, "Only the last so many lines");
  logs->callback([&args] { args.result = Report(skiff::cli::Logs(args.common, args.logs)); });

  CLI::App* run = AddClient(app, args, "run", "Run one pod: run hello --image web:v1 -- CMD");
  run->add_option("name", args.run.name, "Its name")->required();
  run->add_option("--image", args.run.image, "What it runs");
  run->add_option("--restart", args.run.restart, "Always, OnFailure or Never");
  run->add_option("--runtime-class", args.run.runtime_class, "linux, process or fake");
  run->add_option("command", args.run.command, "After --: the command instead of the image's");
  run->callback([&args] { args.result = Report(skiff::cli::Run(args.common, args.run)); });
}

void AddImages(CLI::App& app, Arguments& args) {
  const char* const help = "The cluster's; $SKIFF_DATA_DIR or /var/lib/skiff if none";
  CLI::App* image = app.add_subcommand("image", "Images on this machine's nodes");
  image->require_subcommand(1);
  CLI::App* load = image->add_subcommand("load", "Load an OCI layout or a docker save archive");
  load->add_option("--data-dir", args.data_dir, help);
  load->add_option("file", args.file, "The archive or directory")->required();
  load->callback(
      [&args] { args.result = Report(skiff::cli::ImageLoad(args.data_dir, args.file)); });
  CLI::App* list = image->add_subcommand("list", "What is there");
  list->add_option("--data-dir", args.data_dir, help);
  list->callback([&args] { args.result = Report(skiff::cli::ImageList(args.data_dir)); });
}

void AddHost(CLI::App& app, Arguments& args) {
  app.add_subcommand("check", "What this host's kernel and rights allow")->callback([&args] {
    args.result = Report(skiff::cli::Check());
  });
  app.add_subcommand("version", "Print the version")->callback([] {
    std::cout << "skiff " << SKIFF_VERSION << " (Kubernetes v1.35 API)\n";
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Skiff: Kubernetes as a library, and this program around it."};
  app.require_subcommand(1);
  Arguments args;
  AddDev(app, args);
  AddServer(app, args);
  AddMembers(app, args);
  AddSnapshots(app, args);
  AddObjects(app, args);
  AddPods(app, args);
  AddImages(app, args);
  AddHost(app, args);
  CLI11_PARSE(app, argc, argv);
  return args.result;
}

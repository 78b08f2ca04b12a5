"""Time, randomness and threads are injected: only the ports may ask the system for them."""

import re

import tree

RULES = [
    (r"\b(steady|system|high_resolution)_clock::now|\babsl::Now\(|\bclock_gettime\(|"
     r"\bgettimeofday\(|\btime\((nullptr|NULL|0)\)|\buv_hrtime\(|\buv_now\(",
     "reads a clock; take a Clock or an Executor (base/executor.h)"),
    (r"\bstd::random_device\b|\bmt19937\b|\babsl::(Insecure)?BitGen\b|\bgetrandom\(|\brand\(\)|"
     r"\bsrand\(", "draws randomness; take an Rng (base/rng.h)"),
    (r"\bstd::(jthread|thread|async)\b|\bpthread_create\(|\buv_thread_create\(|\buv_queue_work\(",
     "starts a thread; take an Executor or a WorkPool (base/executor.h)"),
    (r"\bstd::this_thread\b|\babsl::SleepFor\(|\busleep\(|\bnanosleep\(|(?<![\w.:>])sleep\(",
     "sleeps; set a timer on the Executor (base/executor.h)"),
    (r"\bstd::(recursive_|shared_|timed_)?mutex\b|\bstd::condition_variable\b",
     "locks without annotations; use Mutex (base/mutex.h) with ABSL_GUARDED_BY"),
    (r"\b(std::)?(exit|abort|quick_exit)\(|\bstd::terminate\(|\batexit\(|\bsigaction\(|"
     r"(?<![\w.:>] )(?<![\w.:>])signal\(SIG", "takes the process from its host; return a Status"),
]
RULES = [(re.compile(pattern), advice) for pattern, advice in RULES]

# The ports themselves. The kernel-facing runtime bounds its own waits for processes; its head is a
# process apart, and the binary is its own host.
PORTS = {
    "src/base/": RULES,
    "src/runtime/linux/head/": RULES,
    "src/runtime/linux/": RULES[:1],
    "src/cli/": RULES[-1:],
}

findings = []
for path in tree.files("src", "capi"):
    excused = [rule for port, rules in PORTS.items() for rule in rules
               if str(path).startswith(port)]
    for number, line in enumerate(tree.lines(path), 1):
        code = line.split("//")[0]
        for rule in RULES:
            if rule not in excused and rule[0].search(code):
                findings.append(f"{path}:{number}: {rule[1]}: {line.strip()}")
tree.finish(findings)

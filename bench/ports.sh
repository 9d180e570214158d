#!/usr/bin/env bash
# Who holds port N? `ni port` beside ss and lsof, in one run, among 20,000 and 100,000 sockets (doc/peers.md, last row). Called by `./dev bench ports`;
# NETINFO_BUILD names the build folder. Needs root: the sockets live in a network namespace of their own. PORT_RUNS=21 sets the runs of each command,
# PORT_COMMAND the program that is measured.
set -euo pipefail
build=$(realpath "${NETINFO_BUILD:?run me through ./dev bench ports}")
here=$(realpath "$(dirname "$0")")
command=${PORT_COMMAND:-$build/src/tools/ni}
runs=${PORT_RUNS:-21}
if [ "$(id -u)" != 0 ]; then
        echo "bench/ports.sh: needs root for a network namespace of its own" >&2
        exit 77
fi
for tool in ss lsof ip python3; do
        command -v $tool >/dev/null || { echo "bench/ports.sh: $tool is not installed" >&2; exit 77; }
done
"$build/bench/bench-ports" "$build/src/portdb/ports.table"
export NETINFO_PORTS_DIR=/nonexistent
unshare -n python3 - "$command" "$build/bench/port-load" "$runs" "$here" <<'PYTHON'
import os, resource, signal, statistics, subprocess, sys, time

command, load, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
null = os.open("/dev/null", os.O_RDWR)


def once(words):
    """Wall time and processor time of one run, ms."""
    before = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
    _, _, use = os.wait4(pid, 0)
    return (time.perf_counter() - before) * 1000, (use.ru_utime + use.ru_stime) * 1000


def measure(commands):
    """Round and round, so that a busy moment of the machine meets all of them."""
    took = {name: [] for name in commands}
    for i in range(runs):
        for name, words in commands.items():
            if "lsof" in name and i >= 5:
                continue
            took[name].append(once(words))
    return {name: (statistics.median(w for w, _ in t), min(w for w, _ in t), statistics.median(c for _, c in t)) for name, t in took.items()}


def group():
    mount = next((m for m in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(m + "/cgroup.procs")), None)
    path = f"{mount}/netinfo-bench-{os.getpid()}.service"
    try:
        os.mkdir(path)
        return path
    except OSError:
        return None


def rows(question, size, times):
    if "BENCH_RESULTS" in os.environ:
        with open(os.environ["BENCH_RESULTS"], "a") as f:
            for who, ms in times.items():
                print(question, size, who, f"{ms:.4g}", "ms", sep="\t", file=f)


def scenario(title, listeners, processes, established, port, in_group):
    where = group() if in_group else None
    if in_group and not where:
        print(f"\n== {title}: skipped, no control group can be made here")
        return
    def join():
        with open(where + "/cgroup.procs", "w") as f:
            f.write("0")
    children = [subprocess.Popen([load, str(listeners), str(processes), str(established), "600"], stdout=subprocess.PIPE, text=True)]
    if where:  # one more, a service with a control group of its own
        children.append(subprocess.Popen([load, "1", "1", "0", "600", str(port)], stdout=subprocess.PIPE, text=True, preexec_fn=join))
    try:
        if any(child.stdout.readline() != "ready\n" for child in children):
            sys.exit("port-load failed")
        sport = ["sport", "=", f":{port}"]
        t = measure({
            "ss -tln sport": ["ss", "-tln", *sport],
            "ss -tlnp sport": ["ss", "-tlnp", *sport],
            "lsof -nP -i": ["lsof", "-nP", "-i", f":{port}"],
            "ni, no process": [command, "port", str(port), "--no-registry", "--no-processes"],
            "ni, process": [command, "port", str(port), "--no-registry"],
            "ni, everything": [command, "port", str(port)],
            "true": ["true"],
        })
        print(f"\n== {title}\n{'':18}median ms  least ms  median CPU ms")
        for name, (median, least, cpu) in t.items():
            print(f"{name:18}{median:9.2f} {least:9.2f} {cpu:9.2f}")
        size, kind = max(listeners, established), "listeners" if listeners > established else "established"
        if not in_group and processes != 500:
            rows(f"port.{kind}", size, {"ni": t["ni, no process"][0], "ss -tln": t["ss -tln sport"][0]})
        if processes != 500:
            rows(f"port.{kind}.{'group' if in_group else 'process'}", size, {"ni": t["ni, process"][0], "ss -tlnp": t["ss -tlnp sport"][0], "lsof": t["lsof -nP -i"][0]})
        for mine, theirs in (("ni, no process", "ss -tln sport"), ("ni, process", "ss -tlnp sport"), ("ni, process", "lsof -nP -i")):
            ratios = [t[theirs][i] / t[mine][i] for i in range(3)]
            print(f"{mine} is 1/{ratios[0]:.1f} of {theirs} (median; least 1/{ratios[1]:.1f}; CPU 1/{ratios[2]:.1f})")
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
        for _ in range(100):
            if not where:
                break
            try:
                os.rmdir(where)
                break
            except OSError:
                time.sleep(0.05)


none = measure({"ni port, registry only": [command, "port", "987", "--no-live"], "true": ["true"]})
for name, (median, least, cpu) in none.items():
    print(f"{name:24} median {median:.2f} ms, least {least:.2f} ms, CPU {cpu:.2f} ms{' (aim: 1 ms)' if 'ni' in name else ''}")
scenario("20,000 listeners, 20 processes", 20000, 20, 0, 12345, False)
scenario("20,000 listeners, 500 processes, holder in the middle", 20000, 500, 0, 10250, False)
scenario("20,000 listeners, 20 processes; the control group names the holder", 20000, 20, 0, 8000, True)
scenario("20,000 established, 30 listeners", 0, 30, 20000, 9014, False)
scenario("20,000 established, 30 listeners; the control group names the holder", 0, 30, 20000, 8000, True)
scenario("100,000 established, 30 listeners", 0, 30, 100000, 9014, False)
scenario("100,000 established, 30 listeners; the control group names the holder", 0, 30, 100000, 8000, True)
PYTHON

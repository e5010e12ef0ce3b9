"""Runs a training command and says how fast it was, how much memory it took and how the loss fell: see compare.

Arguments: the run's folder, what it is called, the command, behind which the folder is put.
"""

import os
import resource
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "training-job"))
import times  # noqa: E402


def main(run, name, *command):
    result = subprocess.run([*command, run], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(result.stdout)
    rates = [
        rate
        for events in times.events(run)
        for step, (_, rate) in times.steps(events).items()
        if step > times.SKIPPED
    ]
    losses = {}
    for events in times.events(run):
        losses.update({step: loss for step, (_, loss) in times.steps(events, b"loss/train").items()})
    shown = sorted({1, *range(10, max(losses) + 1, 10), max(losses)})
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{name}: {statistics.median(rates):,.0f} tokens/s, largest resident {resident / 1024:,.0f} MiB", flush=True)
    print("  loss " + ", ".join(f"{losses[step]:.4f} (step {step})" for step in shown), flush=True)


main(*sys.argv[1:])

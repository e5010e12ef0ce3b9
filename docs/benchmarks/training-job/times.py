"""Times of steps, read from the TensorBoard events of runs: see compare."""

import glob
import json
import statistics
import struct
import sys

SKIPPED = 10  # steps: first use, and compilation


def fields(message):
    """Number and value of each field of a protocol buffer; eight bytes as a double."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        elif kind == 1:
            yield number, struct.unpack_from("<d", message, at)[0]
            at += 8
        elif kind == 2:
            length = varint()
            yield number, message[at : at + length]
            at += length
        elif kind == 5:
            yield number, struct.unpack_from("<f", message, at)[0]
            at += 4


def steps(events, tag=b"speed/tokens-per-second"):
    """Step to the time at which it was done (seconds since 1970) and a scalar of it, its tokens per second."""
    done = {}
    with open(events, "rb") as file:
        while header := file.read(12):
            event = dict(fields(file.read(struct.unpack_from("<Q", header)[0])))
            file.read(4)
            for _, value in fields(event.get(5, b"")):
                scalar = dict(fields(value))
                if scalar.get(1) == tag:
                    done[event[2]] = (event[1], scalar[2])
    return done


def events(run):
    return sorted(glob.glob(f"{run}/tensorboard/events*"))


def checkpoints(run, every):
    every = int(every)
    done = steps(events(run)[0])
    last = max(done)
    took = {step: done[step][0] - done[step - 1][0] for step in range(SKIPPED, last + 1)}
    after = {offset: [took[s] for s in took if s > every and (s - 1) % every == offset] for offset in range(every)}
    rest = [took[s] for s in took if (s - 1) % every >= 3]
    print("| steps after a checkpoint | seconds, median | mean | steps |\n|---|---|---|---|")
    for offset in range(3):
        values = after[offset]
        print(f"| {offset + 1} | {statistics.median(values):.3f} | {statistics.mean(values):.3f} | {len(values)} |")
    print(f"| others | {statistics.median(rest):.3f} | {statistics.mean(rest):.3f} | {len(rest)} |")
    for name, middle in (("medians", statistics.median), ("means", statistics.mean)):
        extra = sum(middle(after[offset]) - middle(rest) for offset in range(3))
        share = [f"{100 * extra / (n * middle(rest)):.2f} % every {n}" for n in (every, 100)]
        print(f"By {name} a checkpoint takes {extra:.3f} s: {', '.join(share)} steps.")


def resume(runs):
    logs = [times(log) for log in glob.glob(f"{runs}/local-*")]
    files = [steps(file) for file in events(f"{runs}/run")]
    firsts = sorted(done[min(done)][0] for done in files if done)[1:]
    for name, place in (("Spark's executor being there", "SparkListenerExecutorAdded"),
                        ("the start of SparkContext's constructor", "SparkListenerApplicationStart")):
        starts = sorted(log[place] for log in logs)
        seconds = [first - start for start, first in zip(starts, firsts, strict=True)]
        print(f"Seconds from {name} to the end of the first step:", ", ".join(f"{s:.1f}" for s in seconds))
        print(f"median {statistics.median(seconds):.1f}, most {max(seconds):.1f}")


def times(log):
    """When each kind of event happened first, in seconds since 1970."""
    first = {}
    with open(log) as lines:
        for line in lines:
            event = json.loads(line)
            if "Timestamp" in event:
                first.setdefault(event["Event"], event["Timestamp"] / 1000)
    return first


def barrier(runs):
    rates = {}
    for side in ("barrier", "plain"):
        rates[side] = []
        for run in sorted(glob.glob(f"{runs}/{side}-*")):
            done = steps(events(run)[0])
            took = [done[s][0] - done[s - 1][0] for s in sorted(done) if s > SKIPPED]
            tokens = statistics.median(done[s][1] for s in done if s > SKIPPED)
            rates[side].append((tokens, statistics.median(took)))
    print("| round | barrier stage, tokens/s | without Spark | share |\n|---|---|---|---|")
    shares = []
    for i, (ours, plain) in enumerate(zip(rates["barrier"], rates["plain"])):
        shares.append(ours[0] / plain[0])
        print(f"| {i + 1} | {ours[0]:,.0f} | {plain[0]:,.0f} | {100 * shares[-1]:.1f} % |")
    print(f"median share {100 * statistics.median(shares):.1f} %")


if __name__ == "__main__":
    {"checkpoints": checkpoints, "resume": resume, "barrier": barrier}[sys.argv[1]](*sys.argv[2:])

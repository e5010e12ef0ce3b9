package io.moraine.jobs.lease;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Who wants a lease or holds it, as its claim says it.
 *
 * @param pid of the process
 * @param host where it runs
 * @param space its process ids are unique in: the boot and the pid namespace; empty if not known
 * @param started when the process did, in ticks since the boot
 * @param expiry of its claim, once it is not written again: by the claimant's settings, whoever
 *     looks
 */
record Claimant(long pid, String host, String space, String started, Duration expiry) {

  /** Place of the start among the fields of /proc/PID/stat behind the name, from 0. */
  private static final int START_TICKS = 19;

  private static final Pattern TEXT =
      Pattern.compile(
          "process (\\d+) on (\\S+) \\(started (\\S+), in (\\S*), expires after (\\d+) ms\\)");

  static Claimant ofThisProcess(Duration expiry) {
    return new Claimant(
        ProcessHandle.current().pid(),
        hostName(),
        pidSpace(),
        startOf(ProcessHandle.current().pid()).orElse("-"),
        expiry);
  }

  /** From a claim's text; empty if it is none. */
  static Optional<Claimant> parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    return matcher.matches()
        ? Optional.of(
            new Claimant(
                Long.parseLong(matcher.group(1)),
                matcher.group(2),
                matcher.group(4),
                matcher.group(3),
                Duration.ofMillis(Long.parseLong(matcher.group(5)))))
        : Optional.empty();
  }

  String rendered() {
    return "process %d on %s (started %s, in %s, expires after %d ms)"
        .formatted(pid, host, started, space, expiry.toMillis());
  }

  /** Whether it was here and is gone: false if that cannot be told. */
  boolean isDead() {
    if (pidSpace().isEmpty() || !space.equals(pidSpace())) {
      return false;
    }
    boolean seesAll = startOf(1).isPresent(); // not with /proc mounted hidepid
    return startOf(pid).map(start -> !start.equals(started)).orElse(seesAll);
  }

  /**
   * When a process began, in the kernel's ticks since the boot, which no change of the clock moves.
   *
   * @return empty if there is none, or it cannot be seen
   */
  private static Optional<String> startOf(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc/%d/stat".formatted(pid)));
      String behindName = stat.substring(stat.lastIndexOf(')') + 2);
      return Optional.of(behindName.split(" ", -1)[START_TICKS]);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "an unknown host";
    }
  }

  /** Equal host names are no proof: containers share them. */
  private static String pidSpace() {
    try {
      String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
      return boot + "/" + Files.readSymbolicLink(Path.of("/proc/self/ns/pid"));
    } catch (IOException e) {
      return "";
    }
  }
}

package io.moraine.jobs.train;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Who holds a lease, as its file says it.
 *
 * @param pid of the process
 * @param host where it runs
 * @param space its process ids are unique in: the boot and the pid namespace; empty if not known
 * @param started when the process did, in ticks since the boot
 */
record Owner(long pid, String host, String space, String started) {

  /** Place of the start among the fields of /proc/PID/stat behind the name, from 0. */
  private static final int START_TICKS = 19;

  private static final Pattern TEXT =
      Pattern.compile("process (\\d+) on (\\S+) \\(started (\\S+), in (\\S*)\\)");

  static Owner ofThisProcess() {
    return new Owner(
        ProcessHandle.current().pid(),
        hostName(),
        pidSpace(),
        startOf(ProcessHandle.current().pid()).orElse("-"));
  }

  String rendered() {
    return "process %d on %s (started %s, in %s)".formatted(pid, host, started, space);
  }

  /** Whether the text names a process that was here and is gone: false if that cannot be told. */
  static boolean isDead(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches() || pidSpace().isEmpty() || !matcher.group(4).equals(pidSpace())) {
      return false;
    }
    Optional<String> found = startOf(Long.parseLong(matcher.group(1)));
    boolean seesAll = startOf(1).isPresent(); // not with /proc mounted hidepid
    return found.map(start -> !start.equals(matcher.group(3))).orElse(seesAll);
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

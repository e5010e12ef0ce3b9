package io.moraine.jobs.train;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Who holds a lease, as its file says it.
 *
 * @param pid of the process
 * @param host where it runs
 * @param space its process ids are unique in: the boot and the pid namespace; empty if not known
 * @param started when the process did
 */
record Owner(long pid, String host, String space, Instant started) {

  private static final Pattern TEXT =
      Pattern.compile("process (\\d+) on (\\S+) \\(started (\\S+), in (\\S*)\\)");

  static Owner ofThisProcess() {
    return new Owner(
        ProcessHandle.current().pid(), hostName(), pidSpace(), startOf(ProcessHandle.current()));
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
    return ProcessHandle.of(Long.parseLong(matcher.group(1)))
        .map(alive -> !startOf(alive).toString().equals(matcher.group(3)))
        .orElse(true);
  }

  private static Instant startOf(ProcessHandle process) {
    return process.info().startInstant().orElse(Instant.EPOCH);
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

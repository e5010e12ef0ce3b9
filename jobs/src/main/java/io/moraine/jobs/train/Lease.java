package io.moraine.jobs.train;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The right to write into a run's folder: at most one process has it, on any Hadoop file system
 * whose listings show what was written before.
 *
 * <p>Claims are files in {@code lease/}. Whoever wants the lease writes a claim as a candidate, and
 * only then looks. A living holder sends it away. Of several candidates the one with the smallest
 * id waits until the others are gone; alone it becomes the holder. So nobody becomes the holder
 * unseen.
 *
 * <p>A claim lives as long as its file is written again. Its age is counted against the looking
 * process's own claim, written just before to the same file system: no two clocks are compared. A
 * holder that was killed on this machine is known to be dead at once. A holder that was thought
 * dead and comes back finds one of a later term, and gives up.
 */
final class Lease implements AutoCloseable {

  private static final String HOLDER = "holder-%010d-%s";
  private static final String CANDIDATE = "candidate-%s";
  private static final Pattern NAME =
      Pattern.compile("(?:holder-(\\d{10})|candidate)-([0-9a-f-]+)");

  /** Claims are written again this many times before they would expire. */
  private static final int BEATS = 5;

  private static final long PATIENCE_MILLIS = 50;

  /** How often a claim is read that is empty. */
  private static final int LOOKS = 20;

  private static final String SOMEBODY = "another process";

  private final FileSystem files;
  private final Path folder;
  private final Duration expiry;
  private final String id = UUID.randomUUID().toString();
  private final String owner = Owner.ofThisProcess().rendered();
  private final CountDownLatch givenBack = new CountDownLatch(1);
  private final Thread heart;
  private final List<Path> claims = new ArrayList<>();
  private Path claim;
  private long term;
  private long now;

  private Lease(FileSystem files, Path folder, Duration expiry, Consumer<String> lost) {
    this.files = files;
    this.folder = folder;
    this.expiry = expiry;
    this.heart = new Thread(() -> keep(lost), "moraine lease");
    heart.setDaemon(true);
  }

  /**
   * Takes the lease of a run.
   *
   * @param expiry after which a holder that does not write its claim again counts as dead
   * @param lost called, once, if another process took the lease because this one seemed dead
   * @throws TryLaterException if another process has it, naming that
   */
  static Lease take(Configuration hadoop, RunFolder run, Duration expiry, Consumer<String> lost)
      throws IOException {
    Path folder = run.lease();
    Lease lease = new Lease(folder.getFileSystem(hadoop), folder, expiry, lost);
    try {
      lease.take(run);
    } catch (IOException | RuntimeException e) {
      lease.close();
      throw e;
    }
    lease.heart.start();
    return lease;
  }

  @Override
  public void close() throws IOException {
    givenBack.countDown();
    try {
      heart.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Path written : claims) {
      files.delete(written, false);
    }
  }

  /** A claim as a listing shows it; {@code term} is 0 for a candidate. */
  private record Claim(Path path, long term, String id, long written) {

    boolean outranks(long otherTerm, String otherId) {
      return term > otherTerm || term == otherTerm && id.compareTo(otherId) < 0;
    }
  }

  private void take(RunFolder run) throws IOException {
    claim = new Path(folder, CANDIDATE.formatted(id));
    List<Claim> others = writeAndLook(run);
    while (others.stream().anyMatch(this::isAlive)) {
      pause();
      others = writeAndLook(run);
    }
    Path candidate = claim;
    term = 1 + others.stream().mapToLong(Claim::term).max().orElse(0);
    claim = new Path(folder, HOLDER.formatted(term, id));
    writeAndLook(run);
    files.delete(candidate, false);
    for (Claim dead : others) {
      files.delete(dead.path(), false);
    }
  }

  /**
   * All other claims, as they are once the own one is written.
   *
   * @throws TryLaterException if one of them lives and comes before the own one
   */
  private List<Claim> writeAndLook(RunFolder run) throws IOException {
    write(claim);
    now = files.getFileStatus(claim).getModificationTime();
    List<Claim> others = others();
    for (Claim other : others) {
      if (other.outranks(term, id) && isAlive(other)) {
        throw new TryLaterException(
            "%s is being trained by %s, heard of %.0f s ago. Try later, or use another --run."
                .formatted(run.root(), text(other), (now - other.written()) / 1000.0));
      }
    }
    return others;
  }

  private void keep(Consumer<String> lost) {
    try {
      while (!givenBack.await(expiry.toMillis() / BEATS, TimeUnit.MILLISECONDS)) {
        if (!beat()) {
          lost.accept(
              "another process took the lease: this one gave no sign of life for %d s"
                  .formatted(expiry.toSeconds()));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Writes the claim again, unless another process has taken the lease: then false. */
  private boolean beat() {
    try {
      boolean isMine = files.exists(claim);
      if (isMine) {
        write(claim);
      }
      for (Claim other : others()) {
        isMine &= !other.outranks(term, id);
      }
      if (!isMine) {
        files.delete(claim, false);
      }
      return isMine;
    } catch (IOException | RuntimeException e) {
      return true; // The next beat tries again; if none comes in time, another process may have it.
    }
  }

  private boolean isAlive(Claim other) {
    return now - other.written() <= expiry.toMillis() && !Owner.isDead(text(other));
  }

  private List<Claim> others() throws IOException {
    List<Claim> claims = new ArrayList<>();
    for (FileStatus status : files.listStatus(folder)) {
      Matcher name = NAME.matcher(status.getPath().getName());
      if (name.matches() && !name.group(2).equals(id)) {
        long itsTerm = name.group(1) == null ? 0 : Long.parseLong(name.group(1));
        claims.add(
            new Claim(status.getPath(), itsTerm, name.group(2), status.getModificationTime()));
      }
    }
    return claims;
  }

  private void write(Path path) throws IOException {
    if (!claims.contains(path)) {
      claims.add(path);
    }
    try (OutputStream out = files.create(path, true)) {
      out.write(owner.getBytes(StandardCharsets.UTF_8));
    }
  }

  /**
   * Who claims; a file that is being written is read again, and of one that is gone it is somebody.
   */
  private String text(Claim other) {
    for (int look = 0; look < LOOKS; look++) {
      try (InputStream in = files.open(other.path())) {
        String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        if (!text.isEmpty()) {
          return text;
        }
      } catch (IOException e) {
        return SOMEBODY;
      }
      pause();
    }
    return SOMEBODY;
  }

  private static void pause() {
    try {
      Thread.sleep(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the lease", e);
    }
  }
}

package io.moraine.jobs.lease;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The right to change a folder, such as that of a run: at most one process has it, on any Hadoop
 * file system whose listings show what was written before.
 *
 * <p>Claims are files in a folder of their own. Whoever wants the lease writes a claim as a
 * candidate, and only then looks. A living holder sends it away. Of several candidates the one with
 * the smallest id waits until the others are gone; alone it becomes the holder. So nobody becomes
 * the holder unseen.
 *
 * <p>A claim lives as long as its file is written again. Its age is counted against the looking
 * process's own claim, written just before to the same file system: no two clocks are compared. How
 * long it lives unwritten is what it says itself. A holder that was killed on this machine is known
 * to be dead at once.
 *
 * <p>What the holder writes goes by way of its {@link Desk}, which whoever takes the lease after it
 * takes away. A holder that was thought dead and comes back can change nothing any more, and gives
 * up at its next sign of life; one that can give none gives up before another may take the lease.
 */
public final class Lease implements AutoCloseable {

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

  private final WholeFiles whole;
  private final FileSystem files;
  private final Leased leased;
  private final Duration expiry;
  private final LongSupplier nanoClock;
  private final String id;
  private final String claimant;
  private final Desk desk;
  private final CountDownLatch givenBack = new CountDownLatch(1);
  private final ExecutorService renewals = Executors.newSingleThreadExecutor(Lease::daemon);
  private final List<Path> claims = new ArrayList<>();
  private Optional<Thread> heart = Optional.empty();
  private Path claim;
  private long term;
  private long now;
  private volatile Optional<String> lost = Optional.empty();

  /** When the last renewal that came about was begun: what it wrote is not older. */
  private long renewedNanos;

  /** The renewal under way, and when it was begun. */
  private Optional<Future<Boolean>> renewal = Optional.empty();

  private long begunNanos;

  private Lease(
      Configuration hadoop, Leased leased, Duration expiry, LongSupplier nanoClock, String id)
      throws IOException {
    this.whole = WholeFiles.of(hadoop, leased.claims());
    this.files = whole.system();
    this.leased = leased;
    this.expiry = expiry;
    this.nanoClock = nanoClock;
    this.id = id;
    this.claimant = Claimant.ofThisProcess(expiry).rendered();
    this.desk = Desk.make(hadoop, leased, id);
  }

  /**
   * Takes the lease of a folder, and keeps it until it is closed or lost.
   *
   * @param expiry after which a holder that does not write its claim again counts as dead
   * @param lost called, again and again, once another process took the lease because this one
   *     seemed dead, or it could not be renewed: with the reason
   * @throws TryLaterException if another process has it, naming that
   */
  public static Lease take(
      Configuration hadoop, Leased leased, Duration expiry, Consumer<String> lost)
      throws IOException {
    Lease lease = take(hadoop, leased, expiry, System::nanoTime);
    Thread heart = new Thread(() -> lease.keep(lost), "moraine lease");
    heart.setDaemon(true);
    heart.start();
    lease.heart = Optional.of(heart);
    return lease;
  }

  /**
   * Takes the lease of a folder; whoever has it calls {@link #beat}.
   *
   * @param nanoClock by which the lease's time is over
   * @throws TryLaterException if another process has it, naming that
   */
  public static Lease take(
      Configuration hadoop, Leased leased, Duration expiry, LongSupplier nanoClock)
      throws IOException {
    Lease lease = new Lease(hadoop, leased, expiry, nanoClock, UUID.randomUUID().toString());
    try {
      lease.take();
    } catch (IOException | RuntimeException e) {
      lease.closeAfter(e);
      throw e;
    }
    return lease;
  }

  /** Through which its holder changes the folder. */
  public Desk desk() {
    return desk;
  }

  /**
   * A sign of life: writes the claim again. Waits for that as long as until the next one is due.
   *
   * @return why the lease is lost, if it is
   */
  public Optional<String> beat() throws InterruptedException {
    if (lost.isEmpty()) {
      lost = renewed();
    }
    return lost;
  }

  /**
   * Gives it back. If it is lost nothing is done: its claim is gone, or expires.
   *
   * @throws IOException if the claim cannot be deleted: it expires
   */
  @Override
  public void close() throws IOException {
    if (isToBeGivenBack()) {
      desk.clear();
      whole.deleteIfEmpty(leased.claims());
    }
  }

  /** The same, and leaves what is on the desk to whoever takes the lease next. */
  public void leave() throws IOException {
    if (isToBeGivenBack()) {
      desk.leave();
      whole.deleteIfEmpty(leased.claims());
    }
  }

  /** Ends the signs of life, and deletes the claims unless the lease is lost: then false. */
  private boolean isToBeGivenBack() throws IOException {
    givenBack.countDown();
    if (lost.isPresent()) {
      renewals.shutdownNow();
      return false;
    }
    if (!isAtRest()) {
      return false;
    }
    for (Path written : claims) {
      files.delete(written, false);
    }
    return true;
  }

  /** Gives back what there is of it; what keeps that from being done expires. */
  private void closeAfter(Exception refusal) {
    try {
      close();
    } catch (IOException e) {
      refusal.addSuppressed(e);
    }
  }

  /** Whether nothing is being written any more. */
  private boolean isAtRest() {
    try {
      if (heart.isPresent()) {
        heart.get().join();
      }
      renewals.shutdown();
      return renewals.awaitTermination(beatMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** A claim as a listing shows it; {@code term} is 0 for a candidate. */
  private record Claim(Path path, long term, String id, long written) {

    boolean isHolder() {
      return term > 0;
    }
  }

  private void take() throws IOException {
    try {
      becomeHolder();
    } catch (IOException e) {
      if (desk.stands()) {
        throw e;
      }
      throw takenMeanwhile(e);
    }
  }

  private void becomeHolder() throws IOException {
    claim = new Path(leased.claims(), CANDIDATE.formatted(id));
    List<Claim> others = writeAndLook();
    while (others.stream().anyMatch(this::isAlive)) {
      pause();
      others = writeAndLook();
    }
    Path candidate = claim;
    term = 1 + others.stream().mapToLong(Claim::term).max().orElse(0);
    claim = new Path(leased.claims(), HOLDER.formatted(term, id));
    writeAndLook();
    if (!desk.stands()) {
      throw takenMeanwhile(null);
    }
    desk.takeOthersAway();
    files.delete(candidate, false);
    for (Claim dead : others) {
      files.delete(dead.path(), false);
    }
  }

  private TryLaterException takenMeanwhile(IOException cause) {
    return new TryLaterException(
        "%s was taken by another process while this one hung. Try later, or use another %s."
            .formatted(leased.folder(), leased.option()),
        cause);
  }

  /**
   * All other claims, as they are once the own one is written.
   *
   * @throws TryLaterException if one of them lives and comes before the own one
   */
  private List<Claim> writeAndLook() throws IOException {
    renewedNanos = nanoClock.getAsLong();
    write(claim);
    now = files.getFileStatus(claim).getModificationTime();
    List<Claim> others = others();
    for (Claim other : others) {
      if (comesBefore(other) && isAlive(other)) {
        throw new TryLaterException(
            "%s is %s by %s, heard of %.0f s ago. Try later, or use another %s."
                .formatted(
                    leased.folder(),
                    leased.doing(),
                    text(other),
                    (now - other.written()) / 1000.0,
                    leased.option()));
      }
    }
    return others;
  }

  /** Holders come before candidates, and before one that has just become a holder. */
  private boolean comesBefore(Claim other) {
    return other.isHolder() || term == 0 && other.id().compareTo(id) < 0;
  }

  private void keep(Consumer<String> listener) {
    try {
      while (!givenBack.await(beatMillis(), TimeUnit.MILLISECONDS)) {
        beat().ifPresent(listener);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Tries to write the claim again, by a thread of its own: a file system may give no answer.
   *
   * @return why the lease is lost, if it is
   */
  private Optional<String> renewed() throws InterruptedException {
    if (renewal.isEmpty()) {
      begunNanos = nanoClock.getAsLong();
      renewal = Optional.of(renewals.submit(this::isMineStill));
    }
    String failure;
    try {
      boolean isMine = renewal.get().get(beatMillis(), TimeUnit.MILLISECONDS);
      renewal = Optional.empty();
      renewedNanos = begunNanos;
      return isMine
          ? Optional.empty()
          : Optional.of(
              "another process took the lease: this one gave no sign of life for %d s"
                  .formatted(expiry.toSeconds()));
    } catch (TimeoutException e) {
      failure = "the file system gives no answer";
    } catch (ExecutionException e) {
      renewal = Optional.empty();
      failure = e.getCause().toString();
    }
    return isTimeOver()
        ? Optional.of(
            "the lease could not be renewed before its %d s were over: %s"
                .formatted(expiry.toSeconds(), failure))
        : Optional.empty();
  }

  /** One beat before another process may take the lease. */
  private boolean isTimeOver() {
    long nanos = nanoClock.getAsLong() - renewedNanos;
    return nanos >= expiry.toNanos() / BEATS * (BEATS - 1);
  }

  /** Writes the claim again, unless another process has taken the lease: then false. */
  private boolean isMineStill() throws IOException {
    boolean isMine = files.exists(claim);
    if (isMine) {
      write(claim);
    }
    for (Claim other : others()) {
      isMine &= other.term() <= term;
    }
    if (!isMine) {
      files.delete(claim, false);
    }
    return isMine;
  }

  /** By the expiry that it says itself: its settings may be other ones. */
  private boolean isAlive(Claim other) {
    Optional<Claimant> who = Claimant.parse(text(other));
    Duration silence = who.map(Claimant::expiry).orElse(expiry);
    return now - other.written() <= silence.toMillis() && !who.map(Claimant::isDead).orElse(false);
  }

  private List<Claim> others() throws IOException {
    List<Claim> found = new ArrayList<>();
    if (!files.exists(leased.claims())) {
      return found; // Whoever took the lease has given it back.
    }
    for (FileStatus status : files.listStatus(leased.claims())) {
      Matcher name = NAME.matcher(status.getPath().getName());
      if (name.matches() && !name.group(2).equals(id)) {
        long itsTerm = name.group(1) == null ? 0 : Long.parseLong(name.group(1));
        found.add(
            new Claim(status.getPath(), itsTerm, name.group(2), status.getModificationTime()));
      }
    }
    return found;
  }

  private void write(Path path) throws IOException {
    if (!claims.contains(path)) {
      claims.add(path);
    }
    try (OutputStream out = whole.create(path)) {
      out.write(claimant.getBytes(StandardCharsets.UTF_8));
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

  private long beatMillis() {
    return expiry.toMillis() / BEATS;
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "moraine lease renewal");
    thread.setDaemon(true);
    return thread;
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

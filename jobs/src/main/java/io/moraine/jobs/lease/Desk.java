package io.moraine.jobs.lease;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The folder through which the holder of a lease changes what is leased: {@code desk-ID/} among the
 * claims. All that it writes is a draft here first and gets its name by a rename; all that it
 * deletes is first renamed to here. Nothing makes {@link #ranks} in it again.
 *
 * <p>So whoever takes the lease renames the desks of all others, once: a process that was thought
 * dead and comes back, however late and whatever it was about to do, finds neither its draft nor a
 * place to rename to. The driver does the same with the drafts of ranks that it has given up.
 */
public final class Desk {

  private static final String NAME = "desk-";
  private static final String GONE = "gone-";
  private static final String RANKS = "ranks-";
  private static final String REPLACED = ".replaced";

  /** How often a desk is made that vanishes as it is made. */
  private static final int TRIES = 10;

  private final Leased leased;
  private final WholeFiles files;
  private final Path folder;
  private int attempt;

  private Desk(Configuration hadoop, Leased leased, Path folder) throws IOException {
    this.leased = leased;
    this.files = WholeFiles.of(hadoop, folder);
    this.folder = folder;
  }

  /**
   * Makes a desk.
   *
   * @param id nobody else's
   */
  public static Desk make(Configuration hadoop, Leased leased, String id) throws IOException {
    Desk desk = new Desk(hadoop, leased, new Path(leased.claims(), NAME + id));
    desk.makeFolders();
    return desk;
  }

  private void makeFolders() throws IOException {
    for (int left = TRIES; true; left--) {
      try {
        files.makeFolder(ranks());
        return;
      } catch (IOException e) { // It may have been taken away, or its parent deleted as empty.
        if (left == 0) {
          throw e;
        }
      }
    }
  }

  /** Whether nobody has taken it away. */
  public boolean stands() throws IOException {
    return files.system().exists(ranks());
  }

  /**
   * Takes the desks of all others away. Their new names are new ones: a process that hung may have
   * made folders where its desk was, which are taken away once more.
   */
  void takeOthersAway() throws IOException {
    for (String name : files.names(leased.claims())) {
      if (name.startsWith(NAME) && !name.equals(folder.getName())) {
        takeAway(new Path(leased.claims(), name));
      }
    }
  }

  /**
   * Takes a desk away, of whatever lease: what its owner has not published yet it never will. What
   * is on it is there for the next holder of that lease.
   */
  public void takeAway(Path other) throws IOException {
    WholeFiles there = WholeFiles.of(files.system().getConf(), other);
    String name = other.getName().substring(NAME.length());
    try {
      there.rename(other, new Path(other.getParent(), GONE + name + "-by-" + id()));
    } catch (IOException e) {
      if (there.system().exists(other)) {
        throw e; // Else its owner has deleted it meanwhile.
      }
    }
  }

  /** Whether there are any that were taken away. */
  public boolean hasEarlier() throws IOException {
    return !earlier().isEmpty();
  }

  /** Drafts of a file that those had whose desks were taken away. */
  public List<Path> earlierDrafts(String file) throws IOException {
    List<Path> drafts = new ArrayList<>();
    for (Path gone : earlier()) {
      List<String> names = files.names(gone);
      if (names.contains(file)) {
        drafts.add(new Path(gone, file));
      }
      for (String ranks : names.stream().filter(name -> name.startsWith(RANKS)).toList()) {
        Path draft = new Path(new Path(gone, ranks), file);
        if (files.system().exists(draft)) {
          drafts.add(draft);
        }
      }
    }
    return drafts;
  }

  /** Deletes what was taken away. None of it is found any more, even if that is cut off. */
  public void deleteEarlier() throws IOException {
    for (Path gone : earlier()) {
      Path deleted = new Path(ranks(), gone.getName());
      files.rename(gone, deleted);
      files.system().delete(deleted, true);
    }
  }

  /**
   * Place for drafts of the holder itself. A process that hung may make it again where it makes
   * folders in it; only {@link #ranks} never comes back.
   */
  public Path drafts() {
    return folder;
  }

  /** Place for drafts of the ranks of the attempt at hand. */
  public Path ranks() {
    return new Path(folder, RANKS + attempt);
  }

  /** From now on ranks of the attempt at hand can write no more, those of the next one can. */
  public void nextAttempt() throws IOException {
    Path next = new Path(folder, RANKS + (attempt + 1));
    try {
      files.rename(ranks(), next);
    } catch (IOException e) {
      throw lostOr(e);
    }
    attempt++;
    // What a rank still writes into must not become a draft of the same name in the next attempt.
    for (String draft : files.names(next)) {
      files.system().delete(new Path(next, draft), true);
    }
  }

  /** Made by the driver, it asks the ranks of every attempt to end. */
  public Path endRequest() {
    return endRequest(ranks());
  }

  /**
   * The same, as ranks find it.
   *
   * @param ranks their place for drafts
   */
  public static Path endRequest(Path ranks) {
    return new Path(ranks.getParent(), "end-requested");
  }

  /** Whether somebody has. */
  public boolean isAskedToEnd() throws IOException {
    return files.system().exists(endRequest());
  }

  /**
   * Puts a folder of the desk in the place of another, or where nothing is.
   *
   * @throws LeaseLostException if another process has taken the lease: it finds what there is of
   *     both, and {@link #restore} puts them right
   */
  public void publish(Path draft, Path target) throws IOException {
    Path between = secured(draft);
    try {
      files.replaceFolder(between, target, between.suffix(REPLACED));
    } catch (IOException e) {
      throw lostOr(e);
    }
  }

  /**
   * Moves a draft of the holder to where it is taken away for good, with the desk.
   *
   * @return where it is now
   * @throws LeaseLostException if another process has taken the lease
   */
  public Path secured(Path draft) throws IOException {
    Path secured = new Path(ranks(), draft.getName());
    try {
      if (!draft.equals(secured)) {
        files.rename(draft, secured);
      }
    } catch (IOException e) {
      throw lostOr(e);
    }
    return secured;
  }

  /**
   * Puts a folder back whose owner was killed when it had put it aside, and its new one not yet in
   * its place: that is still beside it then.
   *
   * @param draft name of the new one
   */
  public void restore(String draft, Path target) throws IOException {
    for (Path replaced : earlierDrafts(draft + REPLACED)) {
      boolean isUnpublished = files.system().exists(new Path(replaced.getParent(), draft));
      if (isUnpublished && !files.system().exists(target)) {
        files.rename(replaced, target);
      }
    }
  }

  /** Leaves what is on it to whoever takes the lease next. */
  void leave() throws IOException {
    boolean isEmpty =
        files.names(folder).equals(List.of(ranks().getName())) && files.names(ranks()).isEmpty();
    if (isEmpty) {
      clear();
      return;
    }
    try {
      files.rename(folder, new Path(leased.claims(), GONE + id()));
    } catch (IOException e) {
      if (stands()) {
        throw e; // Else whoever has the lease now has taken it.
      }
    }
  }

  /** Deletes it. */
  void clear() throws IOException {
    files.system().delete(folder, true);
  }

  /** What failed, unless that is why. */
  private IOException lostOr(IOException failure) throws IOException {
    if (stands()) {
      return failure;
    }
    throw LeaseLostException.of(leased.folder(), failure);
  }

  private String id() {
    return folder.getName().substring(NAME.length());
  }

  private List<Path> earlier() throws IOException {
    return files.names(leased.claims()).stream()
        .filter(name -> name.startsWith(GONE))
        .map(name -> new Path(leased.claims(), name))
        .toList();
  }
}

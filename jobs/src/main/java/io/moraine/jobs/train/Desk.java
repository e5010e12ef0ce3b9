package io.moraine.jobs.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The folder through which the holder of a lease changes the run's folder: {@code lease/desk-ID/}.
 * All that it writes is a draft here first and gets its name by a rename; all that it deletes is
 * first renamed to here. Nothing makes the folder again.
 *
 * <p>So whoever takes the lease renames the desks of all others, once: a process that was thought
 * dead and comes back, however late and whatever it was about to do, finds neither its draft nor a
 * place to rename to. The driver does the same with the drafts of ranks that it has given up.
 */
final class Desk {

  private static final String NAME = "desk-";
  private static final String GONE = "gone-";
  private static final String RANKS = "ranks-";

  private final Configuration hadoop;
  private final RunFolder run;
  private final WholeFiles files;
  private final Path folder;
  private int attempt;

  private Desk(Configuration hadoop, RunFolder run, Path folder) throws IOException {
    this.hadoop = hadoop;
    this.run = run;
    this.files = WholeFiles.of(hadoop, folder);
    this.folder = folder;
  }

  /**
   * Makes a desk.
   *
   * @param id nobody else's
   */
  static Desk make(Configuration hadoop, RunFolder run, String id) throws IOException {
    Desk desk = new Desk(hadoop, run, new Path(run.lease(), NAME + id));
    try {
      desk.files.makeFolder(desk.ranks());
    } catch (IOException e) {
      if (desk.files.system().exists(desk.folder)) {
        throw e; // Else somebody has taken it away meanwhile, and has the lease.
      }
    }
    return desk;
  }

  /** Whether nobody has taken it away. */
  boolean stands() throws IOException {
    return files.system().exists(ranks());
  }

  /** Takes the desks of all others away. */
  void takeOthersAway() throws IOException {
    for (String name : files.names(run.lease())) {
      Path other = new Path(run.lease(), name);
      if (name.startsWith(NAME) && !name.equals(folder.getName())) {
        try {
          files.rename(other, new Path(run.lease(), GONE + name.substring(NAME.length())));
        } catch (IOException e) {
          if (files.system().exists(other)) {
            throw e; // Else its owner has deleted it meanwhile.
          }
        }
      }
    }
  }

  /** Drafts of a file that those had whose desks were taken away. */
  List<Path> earlierDrafts(String file) throws IOException {
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

  /** Deletes what was taken away. */
  void deleteEarlier() throws IOException {
    for (Path gone : earlier()) {
      files.system().delete(gone, true);
    }
  }

  /** Writes as the driver. */
  RunWriter driver() throws IOException {
    return new RunWriter(hadoop, run, folder);
  }

  /** Place for drafts of the ranks of the attempt at hand. */
  Path ranks() {
    return new Path(folder, RANKS + attempt);
  }

  /** From now on ranks of the attempt at hand can write no more, those of the next one can. */
  void nextAttempt() throws IOException {
    Path next = new Path(folder, RANKS + (attempt + 1));
    try {
      files.rename(ranks(), next);
    } catch (IOException e) {
      if (stands()) {
        throw e;
      }
      throw new LeaseLostException(
          "%s: another process has taken the lease, this one can write there no more."
              .formatted(run.root()),
          e);
    }
    attempt++;
    // What a rank still writes into must not become a draft of the same name in the next attempt.
    for (String draft : files.names(next)) {
      files.system().delete(new Path(next, draft), true);
    }
  }

  /** Made by the driver, it asks the ranks of every attempt to end. */
  Path endRequest() {
    return endRequest(ranks());
  }

  /**
   * The same, as ranks find it.
   *
   * @param ranks their place for drafts
   */
  static Path endRequest(Path ranks) {
    return new Path(ranks.getParent(), "end-requested");
  }

  /** Whether somebody has. */
  boolean isAskedToEnd() throws IOException {
    return files.system().exists(endRequest());
  }

  /** Deletes it. */
  void clear() throws IOException {
    files.system().delete(folder, true);
  }

  private List<Path> earlier() throws IOException {
    return files.names(run.lease()).stream()
        .filter(name -> name.startsWith(GONE))
        .map(name -> new Path(run.lease(), name))
        .toList();
  }
}

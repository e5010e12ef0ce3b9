package io.moraine.pipeline.lsh;

import io.moraine.pipeline.component.RankedDocument;
import io.moraine.pipeline.text.Shingles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Documents in one task's memory, found by the rare shingles that similar ones share: those of
 * their {@link Prefix}.
 *
 * <p>As in a {@link Bucket}, a document is high at a shingle if it could reach the threshold with
 * its like there. Low ones meet high ones only, so documents that have less in common than the
 * threshold, a text in front of all of them, are not even looked at.
 *
 * @cost 8 bytes for every shingle of the documents added and 20 for one of a prefix; 48 MiB
 * @source Xiao et al., Efficient Similarity Joins for Near Duplicate Detection, WWW 2008
 *     (positional filter)
 */
public final class PrefixIndex {

  private static final int SLOTS = 1 << 22;

  private final ShingleFrequencies frequencies;
  private final double threshold;
  private final List<RankedDocument> documents = new ArrayList<>();
  private final List<long[]> sets = new ArrayList<>();
  private int[] lastSearch = new int[1024];
  private int searches;
  private long compared;
  private long visited;

  /** One more than the place of the newest entry, high and low, whose shingle has this slot. */
  private final int[] newestHigh = new int[SLOTS];

  private final int[] newestLow = new int[SLOTS];

  private int entries;
  private long[] shingle = new long[1024];
  private int[] owner = new int[1024];
  private int[] open = new int[1024];
  private int[] older = new int[1024];

  /**
   * An empty index.
   *
   * @param frequencies of all documents added and searched
   * @param threshold Jaccard similarity from which documents are found; in (0, 1]
   */
  public PrefixIndex(ShingleFrequencies frequencies, double threshold) {
    this.frequencies = frequencies;
    this.threshold = threshold;
  }

  /** A document that was found. */
  public record Match(RankedDocument document, double similarity) {}

  /** Adds a document with its sorted set. */
  public void add(RankedDocument document, long[] shingles) {
    int number = documents.size();
    documents.add(document);
    sets.add(shingles);
    Prefix prefix = new Prefix(shingles, frequencies, threshold);
    for (int i = 0; i < prefix.size(); i++) {
      addEntry(prefix.shingle(i), number, prefix.open(i));
    }
  }

  /**
   * Any document added whose similarity with a sorted set reaches the threshold; the same one if
   * the same were added in the same order.
   *
   * @param condition that its set must meet too
   */
  public Optional<Match> find(long[] shingles, Predicate<long[]> condition) {
    searches++;
    Prefix prefix = new Prefix(shingles, frequencies, threshold);
    Search search = new Search(shingles, condition);
    for (int i = 0; i < prefix.size() && search.match == null; i++) {
      long wanted = prefix.shingle(i);
      search.among(newestHigh[slot(wanted)], wanted, prefix.open(i));
      if (isHigh(shingles.length, prefix.open(i))) {
        search.among(newestLow[slot(wanted)], wanted, prefix.open(i));
      }
    }
    return Optional.ofNullable(search.match);
  }

  /** How many pairs were compared until now. */
  public long compared() {
    return compared;
  }

  /** How many entries of prefixes were looked at until now. */
  long visited() {
    return visited;
  }

  /** Looks for one document. */
  private final class Search {

    private final long[] shingles;
    private final Predicate<long[]> condition;
    private Match match;

    Search(long[] shingles, Predicate<long[]> condition) {
      this.shingles = shingles;
      this.condition = condition;
    }

    /** Looks at a chain of entries until one is a match. */
    void among(int newest, long wanted, int openShingles) {
      for (int at = newest - 1; at >= 0 && match == null; at = older[at] - 1) {
        visited++;
        if (shingle[at] == wanted && !isSeen(owner[at])) {
          compare(owner[at], Math.min(openShingles, open[at]));
        }
      }
    }

    private void compare(int number, int most) {
      long[] other = sets.get(number);
      if (!canReach(most, shingles.length, other.length)) {
        return;
      }
      compared++;
      double similarity = Shingles.jaccard(shingles, other);
      if (similarity >= threshold && condition.test(other)) {
        match = new Match(documents.get(number), similarity);
      }
    }
  }

  private boolean isHigh(int size, int openShingles) {
    return canReach(openShingles, size, size);
  }

  /** Computed as the similarity itself is, so no pair is lost to rounding. */
  private boolean canReach(int shared, int size, int otherSize) {
    return (double) shared / (size + otherSize - shared) >= threshold;
  }

  /** All shared shingles are at the first common one or behind it: the first meeting decides. */
  private boolean isSeen(int number) {
    if (number >= lastSearch.length) {
      lastSearch = Arrays.copyOf(lastSearch, Math.max(2 * lastSearch.length, number + 1));
    }
    boolean seen = lastSearch[number] == searches;
    lastSearch[number] = searches;
    return seen;
  }

  private void addEntry(long ofShingle, int number, int openShingles) {
    if (entries == shingle.length) {
      int larger = Math.addExact(entries, entries / 2);
      shingle = Arrays.copyOf(shingle, larger);
      owner = Arrays.copyOf(owner, larger);
      open = Arrays.copyOf(open, larger);
      older = Arrays.copyOf(older, larger);
    }
    int[] newest = isHigh(sets.get(number).length, openShingles) ? newestHigh : newestLow;
    int slot = slot(ofShingle);
    shingle[entries] = ofShingle;
    owner[entries] = number;
    open[entries] = openShingles;
    older[entries] = newest[slot];
    newest[slot] = ++entries;
  }

  private static int slot(long shingle) {
    return (int) shingle & SLOTS - 1;
  }
}

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
 * @cost 8 bytes for every shingle of the documents added and 20 for one of a prefix; 32 MiB
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

  /** One more than the place of the newest entry whose shingle has this slot. */
  private final int[] newest = new int[SLOTS];

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
   * Any document added whose similarity with a sorted set reaches the threshold; those added last
   * first.
   *
   * @param condition that its set must meet too
   */
  public Optional<Match> find(long[] shingles, Predicate<long[]> condition) {
    searches++;
    Prefix prefix = new Prefix(shingles, frequencies, threshold);
    for (int i = 0; i < prefix.size(); i++) {
      long wanted = prefix.shingle(i);
      for (int entry = newest[slot(wanted)]; entry > 0; entry = older[entry - 1]) {
        if (shingle[entry - 1] != wanted || isSeen(owner[entry - 1])) {
          continue;
        }
        long[] other = sets.get(owner[entry - 1]);
        int most = Math.min(prefix.open(i), open[entry - 1]);
        if ((double) most / (shingles.length + other.length - most) >= threshold) {
          compared++;
          double similarity = Shingles.jaccard(shingles, other);
          if (similarity >= threshold && condition.test(other)) {
            return Optional.of(new Match(documents.get(owner[entry - 1]), similarity));
          }
        }
      }
    }
    return Optional.empty();
  }

  /** How many pairs were compared until now. */
  public long compared() {
    return compared;
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

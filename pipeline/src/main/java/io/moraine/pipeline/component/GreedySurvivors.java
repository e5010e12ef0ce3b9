package io.moraine.pipeline.component;

import java.util.HashSet;
import java.util.Set;

/**
 * Verified survivors of one stream of documents in priority order: a document is removed if and
 * only if it has a duplicate of higher priority that is kept.
 *
 * <p>So every removed document has a kept duplicate, and no two kept ones are duplicates. Of
 * several kept duplicates given the most similar one is named, then the first in priority order.
 * Where not all duplicates of a document are known yet it can be removed, but not kept: it is
 * undecided, and so is what hangs on it.
 *
 * @cost about 100 bytes for every document that is removed or undecided
 */
public final class GreedySurvivors {

  private final Set<String> removed = new HashSet<>();
  private final Set<String> undecided = new HashSet<>();
  private boolean waits;
  private RankedDocument kept;
  private double similarity;

  /** Begins the next document in priority order. */
  public void begin() {
    waits = false;
    kept = null;
    similarity = -1;
  }

  /** Not all duplicates of higher priority of the document begun are known. */
  public void incomplete() {
    waits = true;
  }

  /** A duplicate of the document begun, of higher priority; documents never begun are kept. */
  public void duplicate(RankedDocument better, double similarityWithIt) {
    if (undecided.contains(better.id())) {
      waits = true;
    } else if (!removed.contains(better.id())
        && (similarityWithIt > similarity
            || (similarityWithIt == similarity && better.compareTo(kept) < 0))) {
      kept = better;
      similarity = similarityWithIt;
    }
  }

  /** Decides the document begun. */
  public Fate decide(String id) {
    if (kept != null) {
      removed.add(id);
      return Fate.REMOVED;
    }
    if (waits) {
      undecided.add(id);
      return Fate.UNDECIDED;
    }
    return Fate.KEPT;
  }

  /** The document kept in place of the one decided last, if that is removed. */
  public RankedDocument keptInstead() {
    return kept;
  }

  /** Exact Jaccard similarity with {@link #keptInstead}. */
  public double similarity() {
    return similarity;
  }

  /** What becomes of a document. */
  public enum Fate {
    KEPT,
    REMOVED,
    UNDECIDED
  }
}

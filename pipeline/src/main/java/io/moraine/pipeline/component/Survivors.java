package io.moraine.pipeline.component;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * For each document of the duplicate pairs, the document that is kept in its place.
 *
 * <p>Documents are numbered by priority, the one to prefer first.
 */
public final class Survivors {

  private final int[] keptInstead;
  private final double[] similarity;

  private Survivors(int[] keptInstead, double[] similarity) {
    this.keptInstead = keptInstead;
    this.similarity = similarity;
  }

  /**
   * Verified survivors: in priority order a document is removed if and only if it has a duplicate
   * that is kept already. So every removed document has a kept duplicate, and no two kept documents
   * are duplicates. Of several kept duplicates the most similar one is named, then the first.
   *
   * @cost O(documents + pairs) time and memory
   */
  public static Survivors verified(int documents, List<DuplicatePair> pairs) {
    List<List<DuplicatePair>> better = new ArrayList<>();
    for (int i = 0; i < documents; i++) {
      better.add(List.of());
    }
    for (DuplicatePair pair : pairs) {
      int worse = Math.max(pair.first(), pair.second());
      if (better.get(worse).isEmpty()) {
        better.set(worse, new ArrayList<>());
      }
      better.get(worse).add(pair);
    }
    int[] kept = new int[documents];
    double[] similarity = new double[documents];
    for (int document = 0; document < documents; document++) {
      kept[document] = document;
      similarity[document] = 1;
      double best = -1;
      for (DuplicatePair pair : better.get(document)) {
        int other = Math.min(pair.first(), pair.second());
        boolean closer =
            pair.similarity() > best || (pair.similarity() == best && other < kept[document]);
        if (kept[other] == other && closer) {
          kept[document] = other;
          similarity[document] = pair.similarity();
          best = pair.similarity();
        }
      }
    }
    return new Survivors(kept, similarity);
  }

  /**
   * One survivor per connected component, the one of highest priority. The named survivor need not
   * be a duplicate of the removed document itself; then the similarity is NaN.
   *
   * @cost O((documents + pairs) log documents) time
   */
  public static Survivors closure(int documents, List<DuplicatePair> pairs) {
    int[] root = new int[documents];
    Arrays.setAll(root, i -> i);
    for (DuplicatePair pair : pairs) {
      int a = find(root, pair.first());
      int b = find(root, pair.second());
      root[Math.max(a, b)] = Math.min(a, b);
    }
    double[] similarity = new double[documents];
    for (int document = 0; document < documents; document++) {
      root[document] = find(root, document);
      similarity[document] = root[document] == document ? 1 : Double.NaN;
    }
    for (DuplicatePair pair : pairs) {
      int worse = Math.max(pair.first(), pair.second());
      if (root[worse] == Math.min(pair.first(), pair.second())) {
        similarity[worse] = pair.similarity();
      }
    }
    return new Survivors(root, similarity);
  }

  /** Whether the document is kept. */
  public boolean isKept(int document) {
    return keptInstead[document] == document;
  }

  /** The document kept in this one's place; itself if it is kept. */
  public int keptInstead(int document) {
    return keptInstead[document];
  }

  /** Exact Jaccard similarity with the document kept instead; NaN where it is not known. */
  public double similarity(int document) {
    return similarity[document];
  }

  private static int find(int[] root, int document) {
    int at = document;
    while (root[at] != at) {
      root[at] = root[root[at]];
      at = root[at];
    }
    return at;
  }
}

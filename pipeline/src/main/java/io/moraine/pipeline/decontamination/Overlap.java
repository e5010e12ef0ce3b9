package io.moraine.pipeline.decontamination;

import io.moraine.pipeline.decontamination.EvaluationIndex.Match;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a text shares with evaluation items.
 *
 * @param items those it shares an n-gram with: most shared n-grams first, then the largest share,
 *     then in the order of the index
 * @param sets whose items these are, by name
 * @param words all shared ones: sorted, not touching
 */
public record Overlap(List<ItemOverlap> items, List<SetOverlap> sets, List<WordRange> words) {

  /**
   * What a text shares with one item.
   *
   * @param shared different n-grams in both
   * @param nGrams different ones in the item
   */
  public record ItemOverlap(String set, long line, int shared, int nGrams) {

    /** For people. */
    public String detail() {
      return String.format(
          Locale.ROOT,
          "%s line %d: %d n-gram%s, %.3f of the item",
          set,
          line,
          shared,
          shared == 1 ? "" : "s",
          (double) shared / nGrams);
    }
  }

  /**
   * What a text shares with one set.
   *
   * @param words how many words of the text stand in n-grams of the set
   */
  public record SetOverlap(String set, int words) {}

  private static final Comparator<ItemOverlap> ORDER =
      Comparator.comparingInt((ItemOverlap item) -> -item.shared)
          .thenComparingDouble(item -> (double) -item.shared / item.nGrams);

  /**
   * The overlap of a text.
   *
   * @param ignored n-grams that do not count
   */
  public static Overlap of(EvaluationIndex index, WordSpans words, BitSet ignored) {
    BitSet seen = new BitSet();
    TreeMap<Integer, Integer> shared = new TreeMap<>();
    TreeMap<String, List<WordRange>> ofSet = new TreeMap<>();
    List<WordRange> ranges = new ArrayList<>();
    for (Match match : index.find(words)) {
      if (ignored.get(match.nGram())) {
        continue;
      }
      ranges.add(match.words());
      for (int item : index.itemsOf(match.nGram())) {
        ofSet.computeIfAbsent(index.setOf(item), set -> new ArrayList<>()).add(match.words());
        if (!seen.get(match.nGram())) {
          shared.merge(item, 1, Integer::sum);
        }
      }
      seen.set(match.nGram());
    }
    return new Overlap(ranked(index, shared), wordsOfSets(ofSet), WordRange.union(ranges));
  }

  public boolean isEmpty() {
    return words.isEmpty();
  }

  private static List<ItemOverlap> ranked(EvaluationIndex index, Map<Integer, Integer> shared) {
    List<ItemOverlap> items = new ArrayList<>();
    shared.forEach(
        (item, count) ->
            items.add(
                new ItemOverlap(
                    index.setOf(item), index.lineOf(item), count, index.nGramsOfItem(item))));
    items.sort(ORDER);
    return items;
  }

  private static List<SetOverlap> wordsOfSets(Map<String, List<WordRange>> ofSet) {
    return ofSet.entrySet().stream()
        .map(
            entry ->
                new SetOverlap(
                    entry.getKey(),
                    WordRange.union(entry.getValue()).stream().mapToInt(WordRange::words).sum()))
        .toList();
  }
}

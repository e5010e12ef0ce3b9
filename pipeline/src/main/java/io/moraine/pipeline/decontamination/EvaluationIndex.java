package io.moraine.pipeline.decontamination;

import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import io.moraine.pipeline.text.WordWindows;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * All n-grams of evaluation items: runs of n words of a text, or the whole text if it is shorter.
 *
 * <p>They are compared by 128-bit hashes of their {@link io.moraine.pipeline.text.Words}; among w
 * runs of a corpus and g n-grams two different ones are taken for the same with a probability below
 * {@code w g / 2^128}, 3e-20 for 10^12 and 10^7. N-grams are numbered by (words, hash); of n-grams
 * with as many words the hashes are sorted.
 *
 * @cost 20 bytes an n-gram and 4 for each item it is in; no object besides
 */
public final class EvaluationIndex implements Serializable {

  private static final long serialVersionUID = 1L;

  private final String[] sets;
  private final int[] setOfItem;
  private final long[] lineOfItem;
  private final int[] nGramsOfItem;
  private final int[] lengths;
  private final int[] firstOfLength;
  private final long[] low;
  private final long[] high;
  private final int[] firstOwner;
  private final int[] owners;

  /** What makes an n-gram. */
  private record Key(int words, long low, long high) implements Comparable<Key> {

    private static final Comparator<Key> ORDER =
        Comparator.comparingInt(Key::words)
            .thenComparingLong(Key::low)
            .thenComparingLong(Key::high);

    @Override
    public int compareTo(Key other) {
      return ORDER.compare(this, other);
    }
  }

  /** A place of a text where an n-gram stands. */
  record Match(int nGram, WordRange words) {}

  private EvaluationIndex(List<EvaluationItem> items, SortedMap<Key, List<Integer>> nGrams) {
    this.sets = items.stream().map(EvaluationItem::set).distinct().sorted().toArray(String[]::new);
    this.setOfItem =
        items.stream().mapToInt(item -> Arrays.binarySearch(sets, item.set())).toArray();
    this.lineOfItem = items.stream().mapToLong(EvaluationItem::line).toArray();
    this.nGramsOfItem = new int[items.size()];
    this.lengths = nGrams.keySet().stream().mapToInt(Key::words).distinct().toArray();
    this.firstOfLength = new int[lengths.length + 1];
    this.low = nGrams.keySet().stream().mapToLong(Key::low).toArray();
    this.high = nGrams.keySet().stream().mapToLong(Key::high).toArray();
    this.firstOwner = new int[low.length + 1];
    int nGram = 0;
    for (Map.Entry<Key, List<Integer>> entry : nGrams.entrySet()) {
      firstOwner[nGram + 1] = firstOwner[nGram] + entry.getValue().size();
      entry.getValue().forEach(item -> nGramsOfItem[item]++);
      firstOfLength[Arrays.binarySearch(lengths, entry.getKey().words()) + 1] = ++nGram;
    }
    this.owners =
        nGrams.values().stream().flatMap(List::stream).mapToInt(Integer::intValue).toArray();
  }

  /**
   * The index of some items.
   *
   * @param items in the order in which ties between them are broken
   */
  public static EvaluationIndex of(List<EvaluationItem> items, int n, int minItemWords) {
    TreeMap<Key, List<Integer>> nGrams = new TreeMap<>();
    for (int item = 0; item < items.size(); item++) {
      for (String text : items.get(item).texts()) {
        WordSpans words = WordSpans.of(text);
        int length = Math.min(n, words.count());
        if (length >= minItemWords) {
          add(nGrams, words, length, item);
        }
      }
    }
    return new EvaluationIndex(items, nGrams);
  }

  private static void add(Map<Key, List<Integer>> nGrams, WordSpans words, int length, int item) {
    long[] low = WordWindows.hashes(words.low(), length);
    long[] high = WordWindows.hashes(words.high(), length);
    for (int i = 0; i < low.length; i++) {
      List<Integer> owners =
          nGrams.computeIfAbsent(new Key(length, low[i], high[i]), key -> new ArrayList<>(1));
      if (owners.isEmpty() || owners.get(owners.size() - 1).intValue() != item) {
        owners.add(item);
      }
    }
  }

  /** How many different n-grams there are. */
  public int nGrams() {
    return low.length;
  }

  /** The places of a text where n-grams stand, those of as many words in order. */
  List<Match> find(WordSpans words) {
    List<Match> matches = new ArrayList<>();
    long[] lowOfWords = words.low();
    for (int i = 0; i < lengths.length; i++) {
      int length = lengths[i];
      long[] lowHashes = WordWindows.hashes(lowOfWords, length);
      long[] highHashes = null;
      for (int at = 0; at < lowHashes.length; at++) {
        int nGram = firstWith(lowHashes[at], firstOfLength[i], firstOfLength[i + 1]);
        if (nGram >= 0) {
          highHashes = highHashes == null ? WordWindows.hashes(words.high(), length) : highHashes;
          nGram = withHigh(nGram, firstOfLength[i + 1], highHashes[at]);
        }
        if (nGram >= 0) {
          matches.add(new Match(nGram, new WordRange(at, at + length)));
        }
      }
    }
    return matches;
  }

  /** The different n-grams of a text, ascending. */
  public int[] nGramsOf(String text) {
    return find(WordSpans.of(text)).stream().mapToInt(Match::nGram).distinct().sorted().toArray();
  }

  /** The first n-gram with a low hash, from a number to another; negative if there is none. */
  private int firstWith(long lowHash, int from, int to) {
    int found = Arrays.binarySearch(low, from, to, lowHash);
    while (found > from && low[found - 1] == lowHash) {
      found--;
    }
    return found;
  }

  /** Of the n-grams with the low hash of the first one that with a high hash; else negative. */
  private int withHigh(int first, int to, long highHash) {
    for (int i = first; i < to && low[i] == low[first]; i++) {
      if (high[i] == highHash) {
        return i;
      }
    }
    return -1;
  }

  /** The items that an n-gram is in, ascending. */
  int[] itemsOf(int nGram) {
    return Arrays.copyOfRange(owners, firstOwner[nGram], firstOwner[nGram + 1]);
  }

  String setOf(int item) {
    return sets[setOfItem[item]];
  }

  long lineOf(int item) {
    return lineOfItem[item];
  }

  /** How many different n-grams an item has. */
  int nGramsOfItem(int item) {
    return nGramsOfItem[item];
  }

  /**
   * What is in a set.
   *
   * @param items all of it
   * @param shortItems those too short to be looked for
   * @param nGrams different ones
   * @param ignored how many of these are common phrases
   */
  public record SetSize(String set, int items, int shortItems, int nGrams, int ignored) {}

  /** The sets by name, also those in which nothing can be looked for. */
  public List<SetSize> sizes(BitSet ignored) {
    int[] items = new int[sets.length];
    int[] shortItems = new int[sets.length];
    int[] nGrams = new int[sets.length];
    int[] ignoredOfSet = new int[sets.length];
    for (int item = 0; item < setOfItem.length; item++) {
      items[setOfItem[item]]++;
      shortItems[setOfItem[item]] += nGramsOfItem[item] == 0 ? 1 : 0;
    }
    for (int nGram = 0; nGram < low.length; nGram++) {
      for (int set : Arrays.stream(itemsOf(nGram)).map(i -> setOfItem[i]).distinct().toArray()) {
        nGrams[set]++;
        ignoredOfSet[set] += ignored.get(nGram) ? 1 : 0;
      }
    }
    return IntStream.range(0, sets.length)
        .mapToObj(s -> new SetSize(sets[s], items[s], shortItems[s], nGrams[s], ignoredOfSet[s]))
        .toList();
  }
}

package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * Learns merges from counted pieces: repeatedly the most frequent pair of adjacent tokens becomes a
 * token.
 *
 * <p>The same vocabulary as Hugging Face's {@code BpeTrainer} with a byte-level alphabet: special
 * tokens first, then the 256 bytes in the order of their printable characters; of equally frequent
 * pairs the one with the smaller left id, then the smaller right id; a merge whose text exists
 * already reuses its id. Counts are 64-bit.
 *
 * @source Sennrich, Haddow, Birch, Neural machine translation of rare words with subword units,
 *     2016, arXiv:1508.07909, Algorithm 1
 * @cost O(total piece length) memory; each merge costs the lengths of the pieces that have it
 */
public final class BpeTrainer {

  private static final int ANY = -1;

  private final TokenizerConfig config;
  private final List<byte[]> tokens = new ArrayList<>();
  private final Map<String, Integer> idOfText = new HashMap<>();
  private final List<BpeModel.Merge> merges = new ArrayList<>();
  private final Map<Long, PairCount> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> queue =
      new PriorityQueue<>(
          Comparator.comparingLong(Candidate::count).reversed().thenComparingLong(Candidate::pair));

  private final Set<Long> changed = new HashSet<>();
  private final List<int[]> words = new ArrayList<>();
  private final List<Long> wordCounts = new ArrayList<>();

  /** How often a pair stands in all pieces, and in which pieces it may stand. */
  private static final class PairCount {
    private long count;
    private final IntList wordIndexes = new IntList();
  }

  private record Candidate(long pair, long count) {}

  private BpeTrainer(TokenizerConfig config) {
    this.config = config;
  }

  /**
   * Learns a vocabulary.
   *
   * @param pieceCounts how often each piece stands in the corpus; the order does not matter
   * @param progress called with the size of the vocabulary after each merge
   * @return with {@code config.vocabularySize()} ids, or fewer if no pair is frequent enough
   */
  public static BpeModel train(
      Map<String, Long> pieceCounts, TokenizerConfig config, IntConsumer progress) {
    BpeTrainer trainer = new BpeTrainer(config);
    trainer.addAlphabet();
    trainer.addWords(pieceCounts);
    trainer.pairs.forEach((pair, count) -> trainer.queue.add(new Candidate(pair, count.count)));
    while (trainer.tokens.size() < config.vocabularySize() && trainer.mergeMostFrequent()) {
      progress.accept(trainer.tokens.size());
    }
    return new BpeModel(trainer.tokens, trainer.merges, List.of(0));
  }

  private void addAlphabet() {
    addToken(Tokenizer.END_OF_TEXT.getBytes(StandardCharsets.UTF_8), Tokenizer.END_OF_TEXT);
    List<byte[]> bytes = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      bytes.add(new byte[] {(byte) b});
    }
    bytes.sort(Comparator.comparing(ByteLevel::write));
    bytes.forEach(b -> addToken(b, ByteLevel.write(b)));
  }

  private int addToken(byte[] token, String text) {
    idOfText.put(text, tokens.size());
    tokens.add(token);
    return tokens.size() - 1;
  }

  private void addWords(Map<String, Long> pieceCounts) {
    for (Map.Entry<String, Long> piece : pieceCounts.entrySet()) {
      byte[] bytes = Utf8.of(piece.getKey());
      int[] ids = new int[bytes.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = idOfText.get(String.valueOf(ByteLevel.characterOf(bytes[i])));
      }
      words.add(ids);
      wordCounts.add(piece.getValue());
      countNewPairs(words.size() - 1, ANY);
    }
  }

  /** Merges the most frequent pair; false if none is frequent enough. */
  private boolean mergeMostFrequent() {
    while (!queue.isEmpty()) {
      Candidate top = queue.poll();
      PairCount current = pairs.get(top.pair());
      if (current == null || current.count < config.minFrequency()) {
        continue;
      }
      if (current.count == top.count()) {
        merge(top.pair(), current);
        return true;
      }
      if (current.count < top.count()) {
        queue.add(new Candidate(top.pair(), current.count));
      }
    }
    return false;
  }

  private void merge(long pair, PairCount occurrences) {
    int left = (int) (pair >>> 32);
    int right = (int) pair;
    byte[] token = concatenated(tokens.get(left), tokens.get(right));
    String text = ByteLevel.write(token);
    Integer known = idOfText.get(text);
    int result = known != null ? known : addToken(token, text);
    merges.add(new BpeModel.Merge(left, right, result));
    for (int i = 0; i < occurrences.wordIndexes.size(); i++) {
      int word = occurrences.wordIndexes.get(i);
      int[] before = words.get(word);
      int[] after = mergedWord(before, left, right, result);
      if (after.length < before.length) {
        uncountPairs(word);
        words.set(word, after);
        countNewPairs(word, result);
      }
    }
    pairs.remove(pair);
    changed.forEach(key -> queue.add(new Candidate(key, pairs.get(key).count)));
    changed.clear();
  }

  private void uncountPairs(int word) {
    int[] ids = words.get(word);
    for (int i = 0; i + 1 < ids.length; i++) {
      PairCount count = pairs.get(pair(ids, i));
      if (count != null) {
        count.count -= wordCounts.get(word);
      }
    }
  }

  /** Counts a word's pairs; those with {@code token} in them were not known to stand in it. */
  private void countNewPairs(int word, int token) {
    int[] ids = words.get(word);
    for (int i = 0; i + 1 < ids.length; i++) {
      PairCount count = pairs.computeIfAbsent(pair(ids, i), unused -> new PairCount());
      count.count += wordCounts.get(word);
      if (token == ANY) {
        count.wordIndexes.addUnlessLast(word);
      } else if (ids[i] == token || ids[i + 1] == token) {
        count.wordIndexes.addUnlessLast(word);
        changed.add(pair(ids, i));
      }
    }
  }

  private static long pair(int[] ids, int at) {
    return (long) ids[at] << 32 | ids[at + 1];
  }

  private static int[] mergedWord(int[] ids, int left, int right, int result) {
    IntList merged = new IntList();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] == left && i + 1 < ids.length && ids[i + 1] == right) {
        merged.add(result);
        i++;
      } else {
        merged.add(ids[i]);
      }
    }
    return merged.toArray();
  }

  private static byte[] concatenated(byte[] left, byte[] right) {
    byte[] both = new byte[left.length + right.length];
    System.arraycopy(left, 0, both, 0, left.length);
    System.arraycopy(right, 0, both, left.length, right.length);
    return both;
  }
}

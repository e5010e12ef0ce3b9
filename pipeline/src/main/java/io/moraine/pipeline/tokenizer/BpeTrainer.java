package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Learns merges from counted pieces: repeatedly the most frequent pair of adjacent tokens becomes a
 * token.
 *
 * <p>The rules of Hugging Face's {@code BpeTrainer} with a byte-level alphabet: special tokens
 * first, then the 256 bytes in the order of their printable characters; of equally frequent pairs
 * the one with the smaller left id, then the smaller right id; a merge whose text exists already
 * reuses its id. Other than there, a pair that makes the name of a special token is not merged: the
 * name stands for the special token alone. Counts are 64-bit and always those of the pieces as they
 * stand.
 *
 * @source Sennrich, Haddow, Birch, Neural machine translation of rare words with subword units,
 *     2016, arXiv:1508.07909, Algorithm 1
 * @cost 4 bytes of memory for each byte of the distinct pieces, and {@link PairTable}; a merge
 *     costs the lengths of the pieces that have it
 */
public final class BpeTrainer {

  private final TokenizerConfig config;
  private final Set<String> specialNames;
  private final List<byte[]> tokens = new ArrayList<>();
  private final Map<String, Integer> idOfText = new HashMap<>();
  private final List<BpeModel.Merge> merges = new ArrayList<>();

  /** The tokens of all pieces one behind the other; merges leave gaps at the ends of pieces. */
  private final int[] symbols;

  private final int[] starts;
  private final int[] lengths;
  private final long[] pieceCounts;
  private final PairTable pairs = new PairTable();
  private final PriorityQueue<Candidate> queue =
      new PriorityQueue<>(
          Comparator.comparingLong(Candidate::count).reversed().thenComparingLong(Candidate::pair));

  /** Pairs that the current merge made more frequent, maybe repeated. */
  private IntList risen = new IntList();

  /** A pair with the count that it had when it was put into the queue. */
  private record Candidate(long pair, int number, long count) {}

  private BpeTrainer(PieceCounts pieces, TokenizerConfig config) {
    this.config = config;
    this.specialNames = Set.copyOf(config.specialTokens());
    this.symbols = new int[pieces.pieceBytes()];
    this.starts = new int[pieces.size()];
    this.lengths = new int[pieces.size()];
    this.pieceCounts = new long[pieces.size()];
  }

  /**
   * Learns a vocabulary.
   *
   * @param pieces how often each piece stands in the corpus; their order does not matter
   * @param progress called with the size of the vocabulary after each merge
   * @return with {@code config.vocabularySize()} ids, or fewer if no pair is frequent enough
   */
  public static BpeModel train(PieceCounts pieces, TokenizerConfig config, IntConsumer progress) {
    BpeTrainer trainer = new BpeTrainer(pieces, config);
    config.specialTokens().forEach(trainer::addSpecial);
    trainer.addAlphabet();
    trainer.addPieces(pieces);
    while (trainer.tokens.size() < config.vocabularySize() && trainer.mergeMostFrequent()) {
      progress.accept(trainer.tokens.size());
    }
    List<Integer> specialIds = IntStream.range(0, config.specialTokens().size()).boxed().toList();
    return new BpeModel(trainer.tokens, trainer.merges, specialIds);
  }

  /** A special token is no text that merges could make. */
  private void addSpecial(String name) {
    tokens.add(name.getBytes(StandardCharsets.UTF_8));
  }

  private void addAlphabet() {
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

  private void addPieces(PieceCounts counted) {
    int[] idOfByte = new int[256];
    for (int b = 0; b < 256; b++) {
      idOfByte[b] = idOfText.get(ByteLevel.write(new byte[] {(byte) b}));
    }
    int[] added = {0, 0};
    counted.forEach(
        (text, from, to, count) -> {
          int piece = added[0]++;
          starts[piece] = added[1];
          lengths[piece] = to - from;
          pieceCounts[piece] = count;
          for (int i = from; i < to; i++) {
            symbols[added[1]++] = idOfByte[text[i] & 0xff];
          }
          countPairs(piece);
        });
    for (int number = 0; number < pairs.size(); number++) {
      queue.add(new Candidate(pairs.pair(number), number, pairs.count(number)));
    }
  }

  private void countPairs(int piece) {
    for (int i = starts[piece]; i + 1 < starts[piece] + lengths[piece]; i++) {
      int number = pairs.add(symbols[i], symbols[i + 1], pieceCounts[piece]);
      pairs.standsIn(number, piece);
    }
  }

  /** Merges the most frequent pair; false if none is frequent enough. */
  private boolean mergeMostFrequent() {
    while (!queue.isEmpty()) {
      Candidate top = queue.poll();
      long count = pairs.count(top.number());
      if (count < config.minFrequency()) {
        continue;
      }
      if (count == top.count() && !makesSpecialName(top.pair())) {
        merge(top);
        return true;
      }
      if (count < top.count()) {
        queue.add(new Candidate(top.pair(), top.number(), count));
      }
    }
    return false;
  }

  private boolean makesSpecialName(long pair) {
    return specialNames.contains(
        ByteLevel.write(
            concatenated(tokens.get(PairTable.left(pair)), tokens.get(PairTable.right(pair)))));
  }

  private void merge(Candidate best) {
    int left = PairTable.left(best.pair());
    int right = PairTable.right(best.pair());
    int result = resultOf(left, right);
    merges.add(new BpeModel.Merge(left, right, result));
    IntList pieces = pairs.pieces(best.number());
    for (int i = 0; i < pieces.size(); i++) {
      mergeIn(pieces.get(i), left, right, result);
    }
    pairs.clear(best.number());
    for (int i = 0; i < risen.size(); i++) {
      int number = risen.get(i);
      queue.add(new Candidate(pairs.pair(number), number, pairs.count(number)));
    }
    risen = new IntList();
  }

  private int resultOf(int left, int right) {
    byte[] token = concatenated(tokens.get(left), tokens.get(right));
    String text = ByteLevel.write(token);
    Integer known = idOfText.get(text);
    return known != null ? known : addToken(token, text);
  }

  /** Replaces the pair from left to right, and counts what is beside it anew. */
  private void mergeIn(int piece, int left, int right, int result) {
    long count = pieceCounts[piece];
    int start = starts[piece];
    int end = start + lengths[piece];
    int out = start;
    int i = start;
    while (i < end) {
      if (symbols[i] != left || i + 1 == end || symbols[i + 1] != right) {
        symbols[out++] = symbols[i++];
        continue;
      }
      if (out > start) {
        pairs.add(symbols[out - 1], left, -count);
        rises(symbols[out - 1], result, count, piece);
      }
      if (i + 2 < end) {
        pairs.add(right, symbols[i + 2], -count);
        rises(result, symbols[i + 2], count, piece);
      }
      symbols[out++] = result;
      i += 2;
    }
    lengths[piece] = out - start;
  }

  private void rises(int left, int right, long count, int piece) {
    int number = pairs.add(left, right, count);
    pairs.standsIn(number, piece);
    risen.addUnlessLast(number);
  }

  private static byte[] concatenated(byte[] left, byte[] right) {
    byte[] both = new byte[left.length + right.length];
    System.arraycopy(left, 0, both, 0, left.length);
    System.arraycopy(right, 0, both, left.length, right.length);
    return both;
  }
}

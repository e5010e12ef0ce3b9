package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * OpenAI's {@code .tiktoken} rank files: on each line a token in Base64 and its rank, which is its
 * id.
 *
 * <p>Such a file names no merges: any two neighbours may become a token, that of lowest rank first.
 * Where each token is made of two parts when its own bytes are merged with lower ranks only, this
 * is the same as merging those pairs in the order of the ranks: before a merge of rank r no pair of
 * lower rank is left, so the two neighbours are what their bytes alone would have become. A file
 * with a token for which that does not hold is refused.
 *
 * @source OpenAI, tiktoken, tiktoken/load.py and src/lib.rs
 */
public final class RankFile {

  /** Ranks above are taken for a damaged file. */
  static final int MOST_RANKS = 1 << 24;

  private static final Pattern FIRST_LINE = Pattern.compile("[A-Za-z0-9+/]+=* [0-9]+\\s");

  private RankFile() {}

  /** Whether a text begins as a rank file does, which no JSON does. */
  public static boolean isOne(String text) {
    return FIRST_LINE.matcher(text).lookingAt();
  }

  /**
   * Reads a file; texts are not normalised, as in tiktoken.
   *
   * @param config with a pattern
   * @throws TokenizerException if it is not such a file
   */
  public static Tokenizer read(String text, RankFileConfig config) {
    return new Tokenizer(
        read(text, config.specialIds()), config.pattern().orElseThrow().preTokenizer());
  }

  /**
   * Reads a file.
   *
   * @param text the file's text
   * @param specialTokens the tokens that the file does not have, by their text
   * @throws TokenizerException if it is not such a file
   */
  public static BpeModel read(String text, Map<String, Integer> specialTokens) {
    Map<Integer, byte[]> byRank = new HashMap<>();
    int number = 0;
    for (String line : text.split("\n", -1)) {
      number++;
      if (!line.isBlank()) {
        readLine(line.strip(), number, byRank);
      }
    }
    List<AddedToken> added = new ArrayList<>();
    specialTokens.forEach((content, id) -> added.add(new AddedToken(id, content, true, false)));
    added.sort(Comparator.comparing(AddedToken::id));
    for (AddedToken token : added) {
      if (byRank.put(token.id(), token.utf8()) != null) {
        throw new TokenizerException(
            "special token %s: there is another token %d".formatted(token.content(), token.id()));
      }
    }
    List<byte[]> tokens = new ArrayList<>();
    for (int id = 0, left = byRank.size(); left > 0; id++) {
      byte[] token = byRank.get(id);
      left -= token == null ? 0 : 1;
      tokens.add(token == null ? new byte[0] : token);
    }
    return withMerges(tokens, added);
  }

  private static void readLine(String line, int number, Map<Integer, byte[]> byRank) {
    String[] fields = line.split(" ", -1);
    try {
      byte[] token = Base64.getDecoder().decode(fields[0]);
      int rank = fields.length == 2 ? Integer.parseInt(fields[1]) : -1;
      if (token.length > 0 && rank >= 0 && rank < MOST_RANKS && byRank.put(rank, token) == null) {
        return;
      }
    } catch (IllegalArgumentException e) {
      // Not Base64, or not a number: told below, as any other line that is not understood.
    }
    throw new TokenizerException(
        "line %d of the rank file is not a token in Base64 and a rank of its own: %s"
            .formatted(number, line));
  }

  private static BpeModel withMerges(List<byte[]> tokens, List<AddedToken> added) {
    BpeModel bytes = new BpeModel(tokens, List.of(), added, false);
    List<BpeModel.Merge> merges = new ArrayList<>();
    MergeTable table = new MergeTable(tokens.size());
    PieceMerger merger;
    try {
      merger = new PieceMerger(table, bytes.byteIds());
    } catch (IllegalArgumentException e) {
      throw new TokenizerException("the rank file: " + e.getMessage());
    }
    boolean[] ordinary = bytes.ordinary();
    for (int id = 0; id < tokens.size(); id++) {
      byte[] token = tokens.get(id);
      if (ordinary[id] && token.length > 1) {
        if (merger.merge(token, 0, token.length) != 2) {
          throw new TokenizerException(
              "token %d of the rank file (%s) cannot be made of two tokens of lower rank"
                  .formatted(id, new String(token, StandardCharsets.UTF_8)));
        }
        merges.add(new BpeModel.Merge(merger.ids()[0], merger.ids()[1], id));
        table.put(merger.ids()[0], merger.ids()[1], id, id);
      }
    }
    return new BpeModel(tokens, merges, added, false);
  }
}

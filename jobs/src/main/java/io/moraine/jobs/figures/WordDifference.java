package io.moraine.jobs.figures;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * In which words two texts differ: the fewest words of both that must be marked so that the others
 * are the same, in the same order. White space does not count.
 */
public final class WordDifference {

  /** Words of each text that are compared; the others are counted. */
  static final int MAX_WORDS = 2000;

  private static final Pattern WORD = Pattern.compile("\\s*\\S+");

  private final String[] left;
  private final String[] right;
  private final String[] leftWords;
  private final String[] rightWords;

  private WordDifference(String left, String right) {
    this.left = words(left);
    this.right = words(right);
    this.leftWords = stripped(this.left);
    this.rightWords = stripped(this.right);
  }

  /**
   * Consecutive words.
   *
   * @param isSame whether both texts have them
   * @param left as they stand in the one text, each with the white space before it
   * @param right as they stand in the other one
   */
  public record Stretch(boolean isSame, List<String> left, List<String> right) {}

  /**
   * The stretches of two texts, in order; those that differ and those that do not take turns. Of
   * more than 2,000 words a last one says how many more there are.
   *
   * @cost time and bytes in the product of the words of both, at most 2,000 each
   */
  public static List<Stretch> between(String left, String right) {
    return new WordDifference(left, right).stretches();
  }

  private List<Stretch> stretches() {
    int n = leftWords.length;
    int m = rightWords.length;
    // common[i * (m + 1) + j]: words that the rests from i and from j have in common, in order.
    short[] common = new short[(n + 1) * (m + 1)];
    for (int i = n - 1; i >= 0; i--) {
      for (int j = m - 1; j >= 0; j--) {
        int at = i * (m + 1) + j;
        common[at] =
            leftWords[i].equals(rightWords[j])
                ? (short) (common[at + m + 2] + 1)
                : (short) Math.max(common[at + m + 1], common[at + 1]);
      }
    }
    List<Stretch> stretches = new ArrayList<>();
    int i = 0;
    int j = 0;
    while (i < n || j < m) {
      int fromI = i;
      int fromJ = j;
      while (i < n && j < m && leftWords[i].equals(rightWords[j])) {
        i++;
        j++;
      }
      boolean isSame = i > fromI;
      while (!isSame && (i < n || j < m) && !(i < n && j < m && areSame(i, j))) {
        int at = i * (m + 1) + j;
        if (j == m || i < n && common[at + m + 1] >= common[at + 1]) {
          i++;
        } else {
          j++;
        }
      }
      stretches.add(
          new Stretch(isSame, List.of(left).subList(fromI, i), List.of(right).subList(fromJ, j)));
    }
    return stretches;
  }

  private boolean areSame(int i, int j) {
    return leftWords[i].equals(rightWords[j]);
  }

  private static String[] stripped(String[] words) {
    return Arrays.stream(words).map(String::strip).toArray(String[]::new);
  }

  private static String[] words(String text) {
    List<String> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(text);
    while (words.size() < MAX_WORDS && matcher.find()) {
      words.add(matcher.group());
    }
    long more = words.size() < MAX_WORDS ? 0 : matcher.results().count();
    if (more > 0) {
      words.add(String.format(Locale.ROOT, " [... %,d more words]", more));
    }
    return words.toArray(String[]::new);
  }
}

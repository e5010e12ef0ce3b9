package io.moraine.pipeline.tokenizer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * The general categories of Unicode 16.0, those of Hugging Face's regular expressions.
 *
 * <p>Pinned, because a JDK's are of another version (JDK 17: Unicode 13.0) and would give thousands
 * of letters other tokens.
 *
 * @source The Unicode Standard 16.0, DerivedGeneralCategory.txt
 */
final class GeneralCategory {

  static final int MAX_CODE_POINT = 0x10ffff;

  /** Names; a category's number is its index. */
  private static final List<String> NAMES =
      List.of(
          "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
          "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co");

  private static final String FILE = "general-category.txt";
  private static final byte[] CATEGORIES = read();

  private GeneralCategory() {}

  /** The two letters of a code point's category. */
  static String of(int codePoint) {
    return NAMES.get(CATEGORIES[codePoint]);
  }

  /** All code points of a category such as Lu, or of a group such as L; empty if there is none. */
  static Optional<BitSet> codePoints(String name) {
    boolean[] wanted = new boolean[NAMES.size()];
    boolean known = false;
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = !name.isEmpty() && name.length() <= 2 && NAMES.get(i).startsWith(name);
      known |= wanted[i];
    }
    BitSet found = new BitSet(MAX_CODE_POINT + 1);
    for (int c = 0; known && c <= MAX_CODE_POINT; c++) {
      if (wanted[CATEGORIES[c]]) {
        found.set(c);
      }
    }
    return known ? Optional.of(found) : Optional.empty();
  }

  /** Whether Unicode calls a code point white space. */
  static boolean isWhiteSpace(int codePoint) {
    return codePoint >= 9 && codePoint <= 13
        || codePoint == ' '
        || codePoint == 0x85
        || codePoint == 0xa0
        || codePoint == 0x1680
        || codePoint >= 0x2000 && codePoint <= 0x200a
        || codePoint == 0x2028
        || codePoint == 0x2029
        || codePoint == 0x202f
        || codePoint == 0x205f
        || codePoint == 0x3000;
  }

  private static byte[] read() {
    byte[] categories = new byte[MAX_CODE_POINT + 1];
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                GeneralCategory.class.getResourceAsStream(FILE), StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.startsWith("#")) {
          int dots = line.indexOf("..");
          int semicolon = line.indexOf(';');
          Arrays.fill(
              categories,
              Integer.parseInt(line.substring(0, dots), 16),
              Integer.parseInt(line.substring(dots + 2, semicolon), 16) + 1,
              (byte) NAMES.indexOf(line.substring(semicolon + 1)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the table of Unicode categories cannot be read", e);
    }
    return categories;
  }
}

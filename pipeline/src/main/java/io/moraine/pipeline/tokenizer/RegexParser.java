package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.tokenizer.RegexNode.Anchor;
import io.moraine.pipeline.tokenizer.RegexNode.Atomic;
import io.moraine.pipeline.tokenizer.RegexNode.Choice;
import io.moraine.pipeline.tokenizer.RegexNode.Look;
import io.moraine.pipeline.tokenizer.RegexNode.Mode;
import io.moraine.pipeline.tokenizer.RegexNode.OneOf;
import io.moraine.pipeline.tokenizer.RegexNode.Place;
import io.moraine.pipeline.tokenizer.RegexNode.Repeat;
import io.moraine.pipeline.tokenizer.RegexNode.Sequence;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/**
 * Reads a pattern as Oniguruma with Ruby's syntax does, which is what Hugging Face's tokenizers
 * use. What it does not know is an error: an unknown construct must not become another meaning.
 *
 * @source Kosako, Oniguruma, doc/RE and doc/SYNTAX.md, 6.9
 */
final class RegexParser {

  /** Letters under {@code (?i)} that would also match one character, such as U+00DF for ss. */
  private static final List<String> LIGATURES = List.of("ss", "ff", "fi", "fl", "st");

  private static final int END = -1;
  private static final int ABSENT = -1;
  private static final int MOST_REPEATED = 1000;

  private final String pattern;
  private final int[] codePoints;
  private int at;
  private boolean ignoreCase;

  private RegexParser(String pattern) {
    this.pattern = pattern;
    this.codePoints = pattern.codePoints().toArray();
  }

  /**
   * Parses a pattern.
   *
   * @throws TokenizerException if it is not well formed or not supported
   */
  static RegexNode parse(String pattern) {
    RegexParser parser = new RegexParser(pattern);
    RegexNode node = parser.choice();
    if (parser.at < parser.codePoints.length) {
      throw parser.unsupported("a closing parenthesis without an opening one");
    }
    return node;
  }

  private RegexNode choice() {
    boolean outer = ignoreCase;
    List<RegexNode> options = new ArrayList<>(List.of(sequence()));
    while (take('|')) {
      options.add(sequence());
    }
    ignoreCase = outer;
    return options.size() == 1 ? options.get(0) : new Choice(options);
  }

  private RegexNode sequence() {
    List<RegexNode> parts = new ArrayList<>();
    StringBuilder letters = new StringBuilder();
    while (peek() != END && peek() != '|' && peek() != ')') {
      letters.appendCodePoint(ignoreCase ? peek() : ' ');
      parts.add(quantified(atom()));
    }
    LIGATURES.stream()
        .filter(letters.toString().toLowerCase(Locale.ROOT)::contains)
        .findFirst()
        .ifPresent(
            ligature -> {
              throw unsupported("(?i) with %s, which has a ligature".formatted(ligature));
            });
    return parts.size() == 1 ? parts.get(0) : new Sequence(parts);
  }

  private RegexNode atom() {
    int c = next();
    return switch (c) {
      case '(' -> group();
      case '[' -> new OneOf(set());
      case '\\' -> escape();
      case '.' -> new OneOf(inverted(single('\n')));
      case '^' -> new Anchor(Place.LINE_START);
      case '$' -> new Anchor(Place.LINE_END);
      case '*', '+', '?' -> throw unsupported("a quantifier without anything to repeat");
      default -> new OneOf(folded(c));
    };
  }

  private RegexNode group() {
    if (!take('?')) {
      return closed(choice());
    }
    int kind = next();
    return switch (kind) {
      case ':' -> closed(choice());
      case '>' -> new Atomic(closed(choice()));
      case '=' -> new Look(closed(choice()), false, false);
      case '!' -> new Look(closed(choice()), false, true);
      case '<' -> lookBehind();
      case 'i' -> insensitive();
      default -> throw unsupported("(?" + Character.toString(kind));
    };
  }

  private RegexNode lookBehind() {
    int kind = next();
    if (kind != '=' && kind != '!') {
      throw unsupported("a named group");
    }
    RegexNode body = closed(choice());
    if (body.least() != body.most()) {
      throw unsupported("a look-behind of changing length");
    }
    return new Look(body, true, kind == '!');
  }

  private RegexNode insensitive() {
    boolean outer = ignoreCase;
    ignoreCase = true;
    if (take(':')) {
      RegexNode body = closed(choice());
      ignoreCase = outer;
      return body;
    }
    if (!take(')')) {
      throw unsupported("(?i" + Character.toString(next()));
    }
    // The option holds up to the end of the enclosing group, alternatives included.
    return choice();
  }

  private RegexNode closed(RegexNode body) {
    if (!take(')')) {
      throw unsupported("an opening parenthesis without a closing one");
    }
    return body;
  }

  private RegexNode quantified(RegexNode atom) {
    RegexNode node = atom;
    while (true) {
      if (take('*')) {
        node = repeated(node, 0, RegexNode.UNBOUNDED, false);
      } else if (take('+')) {
        node = repeated(node, 1, RegexNode.UNBOUNDED, false);
      } else if (take('?')) {
        node = repeated(node, 0, 1, false);
      } else if (take('{')) {
        node = interval(node);
      } else {
        return node;
      }
    }
  }

  private RegexNode interval(RegexNode body) {
    int least = number(ABSENT);
    int most = take(',') ? number(ABSENT) : least;
    boolean bounded = Math.max(least, most) <= MOST_REPEATED && (most == ABSENT || most >= least);
    if (!take('}') || !bounded || least == ABSENT && most == ABSENT) {
      throw unsupported("a brace that is no interval up to " + MOST_REPEATED);
    }
    return repeated(body, Math.max(least, 0), most == ABSENT ? RegexNode.UNBOUNDED : most, true);
  }

  /** In Ruby's syntax {@code x{1,3}+} is {@code (?:x{1,3})+}; only ?, * and + can be possessive. */
  private RegexNode repeated(RegexNode body, int least, int most, boolean interval) {
    if (most == RegexNode.UNBOUNDED && body.least() == 0) {
      throw unsupported("a repetition of what can be empty");
    }
    if (!interval && take('+')) {
      return new Atomic(new Repeat(body, least, most, Mode.GREEDY));
    }
    if (interval && least == most && peek() == '?') {
      throw unsupported("a fixed interval with a question mark");
    }
    return new Repeat(body, least, most, take('?') ? Mode.LAZY : Mode.GREEDY);
  }

  private int number(int otherwise) {
    int from = at;
    int value = 0;
    while (peek() >= '0' && peek() <= '9' && at < from + 6) {
      value = 10 * value + next() - '0';
    }
    return at == from ? otherwise : value;
  }

  private RegexNode escape() {
    int c = peek();
    Place place =
        switch (c) {
          case 'A' -> Place.TEXT_START;
          case 'z' -> Place.TEXT_END;
          default -> null;
        };
    if (place != null) {
      at++;
      return new Anchor(place);
    }
    BitSet known = classEscape();
    return new OneOf(known.isEmpty() ? folded(literalEscape()) : known);
  }

  /** The set of an escape such as {@code \s} or {@code \p{L}}; empty if it is none. */
  private BitSet classEscape() {
    int c = next();
    return switch (c) {
      case 's' -> whiteSpace();
      case 'S' -> inverted(whiteSpace());
      case 'd' -> GeneralCategory.codePoints("Nd").orElseThrow();
      case 'D' -> inverted(GeneralCategory.codePoints("Nd").orElseThrow());
      case 'p', 'P' -> property(c == 'P');
      default -> {
        at--;
        yield new BitSet();
      }
    };
  }

  private static BitSet whiteSpace() {
    BitSet space = new BitSet();
    for (int c = 0; c <= GeneralCategory.MAX_CODE_POINT; c++) {
      space.set(c, GeneralCategory.isWhiteSpace(c));
    }
    return space;
  }

  private BitSet property(boolean negative) {
    if (!take('{') || ignoreCase) {
      throw unsupported(ignoreCase ? "\\p under (?i)" : "\\p without a name in braces");
    }
    boolean inverted = take('^') != negative;
    StringBuilder name = new StringBuilder();
    while (peek() != '}' && peek() != END) {
      name.appendCodePoint(next());
    }
    at++;
    BitSet found =
        GeneralCategory.codePoints(name.toString())
            .orElseThrow(() -> unsupported("\\p{%s}".formatted(name)));
    return inverted ? inverted(found) : found;
  }

  private int literalEscape() {
    int c = next();
    return switch (c) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'f' -> '\f';
      case 'v' -> 0x0b;
      case 'a' -> 7;
      case 'e' -> 0x1b;
      case 'x' -> peek() == '{' ? bracedHex() : hex(2);
      case 'u' -> hex(4);
      default -> {
        if (Character.isLetterOrDigit(c) || c == END) {
          throw unsupported(c == END ? "a backslash at the end" : "\\" + Character.toString(c));
        }
        yield c;
      }
    };
  }

  private int bracedHex() {
    at++;
    int from = at;
    while (peek() != '}' && peek() != END) {
      at++;
    }
    int value = parsedHex(from, at);
    at++;
    return value;
  }

  private int hex(int digits) {
    at += digits;
    if (at > codePoints.length) {
      throw unsupported("an incomplete escape");
    }
    return parsedHex(at - digits, at);
  }

  private int parsedHex(int from, int to) {
    try {
      int value = Integer.parseInt(new String(codePoints, from, to - from), 16);
      if (!Character.isValidCodePoint(value)) {
        throw unsupported("an escape beyond U+10FFFF");
      }
      return value;
    } catch (NumberFormatException e) {
      throw unsupported("an escape without hexadecimal digits");
    }
  }

  /** A set behind its opening bracket. */
  private BitSet set() {
    boolean negative = take('^');
    BitSet left = null;
    BitSet members = new BitSet();
    boolean first = true;
    while (first || peek() != ']') {
      first = false;
      if (peek() == '&' && at + 1 < codePoints.length && codePoints[at + 1] == '&') {
        at += 2;
        left = intersection(left, members);
        members = new BitSet();
      } else {
        addMember(members);
      }
    }
    at++;
    BitSet all = intersection(left, members);
    return negative ? inverted(all) : all;
  }

  private static BitSet intersection(BitSet left, BitSet right) {
    if (left != null) {
      right.and(left);
    }
    return right;
  }

  private void addMember(BitSet members) {
    int c = next();
    switch (c) {
      case END -> throw unsupported("an opening bracket without a closing one");
      case '[' -> {
        if (peek() == ':') {
          throw unsupported("a POSIX bracket");
        }
        members.or(set());
      }
      case '\\' -> {
        BitSet known = classEscape();
        if (known.isEmpty()) {
          addRange(members, literalEscape());
        } else {
          members.or(known);
        }
      }
      default -> addRange(members, c);
    }
  }

  private void addRange(BitSet members, int from) {
    boolean range = peek() == '-' && at + 1 < codePoints.length && codePoints[at + 1] != ']';
    if (!range) {
      members.or(folded(from));
      return;
    }
    at++;
    int c = next();
    int to = c == '\\' ? literalEscape() : c;
    if (c == '[' || to < from || ignoreCase) {
      throw unsupported(ignoreCase ? "a range under (?i)" : "a range that ends before it begins");
    }
    members.set(from, to + 1);
  }

  /** The code point alone, or under {@code (?i)} all that fold to the same. */
  private BitSet folded(int codePoint) {
    BitSet set = single(codePoint);
    if (ignoreCase) {
      if (codePoint > 127) {
        throw unsupported("(?i) with " + Character.toString(codePoint));
      }
      set.set(Character.toLowerCase(codePoint));
      set.set(Character.toUpperCase(codePoint));
      set.set(0x17f, set.get('s'));
      set.set(0x212a, set.get('k'));
    }
    return set;
  }

  private static BitSet single(int codePoint) {
    BitSet set = new BitSet();
    set.set(codePoint);
    return set;
  }

  private static BitSet inverted(BitSet set) {
    BitSet inverted = (BitSet) set.clone();
    inverted.flip(0, GeneralCategory.MAX_CODE_POINT + 1);
    return inverted;
  }

  private int peek() {
    return at < codePoints.length ? codePoints[at] : END;
  }

  private int next() {
    int c = peek();
    at++;
    return c;
  }

  private boolean take(int c) {
    boolean there = peek() == c;
    at += there ? 1 : 0;
    return there;
  }

  private TokenizerException unsupported(String what) {
    return new TokenizerException(
        "pre_tokenizer pattern: %s is not supported, at character %d of %s"
            .formatted(what, Math.min(at, codePoints.length), pattern));
  }
}

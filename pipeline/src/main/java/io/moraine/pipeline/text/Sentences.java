package io.moraine.pipeline.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * English sentences: a text is cut after {@code . ? !} where another word or a closing mark
 * follows, but not after abbreviations, initials and ellipses in front of a word that begins no
 * sentence.
 *
 * @source Kiss, Strunk, Unsupervised Multilingual Sentence Boundary Detection, 2006 (Punkt), its
 *     token-based rules; instead of a trained model the lists of common abbreviations and of words
 *     that begin sentences stand here
 */
public final class Sentences {

  private static final String NO_WORD = "?!)\";}]*:@'({[";
  private static final Pattern CLOSING =
      Pattern.compile("[\"')\\]}]+?(?:\\s+|(?=--)|$)", Pattern.MULTILINE);
  private static final Pattern NUMBER = Pattern.compile("-?[.,]?\\d[\\d,.-]*");
  private static final Set<String> ABBREVIATIONS =
      Set.of(
          ("mr mrs ms dr prof st jr sr rev hon inc ltd co corp bros vs e.g i.e u.s u.k u.n a.m p.m no vol fig"
                  + " gen sen rep gov lt col maj sgt capt cmdr jan feb mar apr aug sept oct nov dec ph.d m.d d.c"
                  + " ave blvd dept est approx etc al cf ed eds pp op cit")
              .split(" "));
  private static final Set<String> STARTERS =
      Set.of(
          ("the a an this that these those it its he she they we you i his her their our my your there here"
                  + " in on at for from with by as if when while after before but and or so yet however what who how"
                  + " why where which some many most all no not please see")
              .split(" "));

  private Sentences() {}

  /** The sentences in order, without the white space between them; none for a blank text. */
  public static List<String> of(String text) {
    List<String> sentences = new ArrayList<>();
    int start = 0;
    int at = nextWord(text, 0);
    while (at < text.length()) {
      int end = endOfWord(text, at);
      int next = nextWord(text, end);
      int mark = lastMark(text, at, end, next < text.length());
      at = next;
      if (mark < 0 || !isBreak(text, wordStart(text, start, mark), mark, end, next)) {
        continue;
      }
      int stop = mark + 1;
      Matcher closing = CLOSING.matcher(text).region(stop, text.length());
      boolean closed = stop < end && closing.lookingAt();
      sentences.add(text.substring(start, closed ? stop + closing.group().strip().length() : stop));
      start = closed ? closing.end() : stop == end ? next : stop;
    }
    if (!text.substring(start).isBlank()) {
      sentences.add(text.substring(start));
    }
    return sentences;
  }

  /** The last mark of a word that may end a sentence; -1 if there is none. */
  private static int lastMark(String text, int from, int end, boolean wordFollows) {
    for (int i = end - 1; i >= from; i--) {
      char c = text.charAt(i);
      boolean ends = c == '.' || c == '?' || c == '!';
      if (ends && (i + 1 == end ? wordFollows : NO_WORD.indexOf(text.charAt(i + 1)) >= 0)) {
        return i;
      }
    }
    return -1;
  }

  private static boolean isBreak(String text, int from, int mark, int end, int next) {
    if (text.charAt(mark) != '.') {
      return true;
    }
    String word = text.substring(from, mark).toLowerCase(Locale.ROOT);
    boolean initial = word.length() == 1 && Character.isLetter(word.charAt(0));
    boolean follows = mark + 1 == end;
    boolean upper = follows && Character.isUpperCase(text.codePointAt(next));
    boolean starter = upper && STARTERS.contains(plain(text, next));
    boolean lower = follows && Character.isLowerCase(text.codePointAt(next));
    if (initial) {
      return follows ? starter : true;
    }
    if (word.endsWith(".") || isAbbreviation(word)) {
      return starter;
    }
    return !(lower && NUMBER.matcher(word).matches());
  }

  private static boolean isAbbreviation(String word) {
    return ABBREVIATIONS.contains(word)
        || ABBREVIATIONS.contains(word.substring(word.lastIndexOf('-') + 1));
  }

  private static String plain(String text, int from) {
    int end = from;
    while (end < text.length() && Character.isLetter(text.charAt(end))) {
      end++;
    }
    return text.substring(from, end).toLowerCase(Locale.ROOT);
  }

  /** Start of the word that ends before {@code mark}: behind white space or an opening mark. */
  private static int wordStart(String text, int from, int mark) {
    int start = mark;
    while (start > from
        && !Character.isWhitespace(text.charAt(start - 1))
        && NO_WORD.indexOf(text.charAt(start - 1)) < 0) {
      start--;
    }
    return start;
  }

  private static int nextWord(String text, int from) {
    int at = from;
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at;
  }

  private static int endOfWord(String text, int from) {
    int at = from;
    while (at < text.length() && !Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at;
  }
}

package io.moraine.pipeline.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a text into pieces by regular expressions, one after the other: each splits what the one
 * before left into matches and the gaps between them (Hugging Face's {@code Split}, {@code
 * Isolated}). No byte is lost.
 *
 * <p>Patterns mean what they mean in Hugging Face's tokenizers: {@code \s}, {@code \p{L}}, ... by
 * Unicode properties.
 */
public final class PreTokenizer {

  /**
   * GPT-4's and Llama 3's pattern in its original form.
   *
   * @source OpenAI, tiktoken, tiktoken_ext/openai_public.py (cl100k_base)
   */
  public static final String CL100K =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /**
   * GPT-2's pattern.
   *
   * @source Radford et al., GPT-2, 2019, encoder.py
   */
  static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private final List<String> expressions;
  private final List<Pattern> patterns;

  /**
   * Compiles the patterns.
   *
   * @throws java.util.regex.PatternSyntaxException if one is not a regular expression
   */
  public PreTokenizer(List<String> expressions) {
    this.expressions = List.copyOf(expressions);
    this.patterns =
        this.expressions.stream()
            .map(pattern -> Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS))
            .toList();
  }

  /** The patterns in the order in which they are applied. */
  public List<String> expressions() {
    return expressions;
  }

  /** Calls {@code action} with each piece in order; together they are the text. */
  public void split(String text, Consumer<String> action) {
    if (patterns.size() == 1) {
      split(patterns.get(0), text, action);
      return;
    }
    List<String> pieces = List.of(text);
    for (Pattern pattern : patterns) {
      List<String> finer = new ArrayList<>();
      pieces.forEach(piece -> split(pattern, piece, finer::add));
      pieces = finer;
    }
    pieces.forEach(action);
  }

  private static void split(Pattern pattern, String text, Consumer<String> action) {
    Matcher matcher = pattern.matcher(text);
    int end = 0;
    while (matcher.find()) {
      if (matcher.start() > end) {
        action.accept(text.substring(end, matcher.start()));
      }
      if (matcher.end() > matcher.start()) {
        action.accept(matcher.group());
      }
      end = matcher.end();
    }
    if (end < text.length()) {
      action.accept(text.substring(end));
    }
  }
}

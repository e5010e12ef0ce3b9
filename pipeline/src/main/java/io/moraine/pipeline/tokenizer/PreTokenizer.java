package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Cuts a text into pieces by regular expressions, one after the other: each splits what the one
 * before left into matches and the gaps between them (Hugging Face's {@code Split}, {@code
 * Isolated}). No byte is lost.
 *
 * <p>Patterns mean what they mean in Hugging Face's tokenizers (Oniguruma, Unicode 16.0) on every
 * JDK. Those named here have scanners of their own; any other goes through a general matcher.
 */
public final class PreTokenizer {

  /**
   * GPT-2's pattern.
   *
   * @source Radford et al., GPT-2, 2019, encoder.py
   */
  public static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  /**
   * GPT-4's and Llama 3's pattern in its original form.
   *
   * @source OpenAI, tiktoken, tiktoken_ext/openai_public.py (cl100k_base)
   */
  public static final String CL100K = cl100k("\\p{N}{1,3}");

  /**
   * Qwen 2's pattern: that of GPT-4 with one digit to a piece.
   *
   * @source Qwen Team, Qwen2, 2024, tokenizer.json
   */
  public static final String QWEN2 = cl100k("\\p{N}");

  /**
   * GPT-4o's pattern.
   *
   * @source OpenAI, tiktoken, tiktoken_ext/openai_public.py (o200k_base)
   */
  public static final String O200K =
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /**
   * DeepSeek-V3's three patterns, one after the other.
   *
   * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, tokenizer.json
   */
  public static final List<String> DEEPSEEK_V3 =
      List.of(
          "\\p{N}{1,3}",
          "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
          "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
              + "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
              + "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+");

  private static final Map<List<String>, PieceScanner> KNOWN =
      Map.of(
          List.of(GPT2),
          new Gpt2Scanner(),
          List.of(CL100K),
          new Cl100kScanner(3),
          List.of(QWEN2),
          new Cl100kScanner(1),
          List.of(cl100k("\\p{N}{1,2}")),
          new Cl100kScanner(2),
          List.of(O200K),
          new O200kScanner(),
          DEEPSEEK_V3,
          new DeepSeekV3Scanner());

  private final List<String> expressions;
  private final PieceScanner[] steps;

  /**
   * A pre-tokenizer of these patterns; of none: the text is one piece.
   *
   * @throws TokenizerException if a pattern is not well formed or has something not supported
   */
  public PreTokenizer(List<String> expressions) {
    this(List.copyOf(expressions), scanners(List.copyOf(expressions)));
  }

  private PreTokenizer(List<String> expressions, PieceScanner[] steps) {
    this.expressions = expressions;
    this.steps = steps;
  }

  /** The same by the general matcher, known patterns too. */
  static PreTokenizer general(List<String> expressions) {
    return new PreTokenizer(
        expressions, expressions.stream().map(RegexScanner::new).toArray(PieceScanner[]::new));
  }

  /** The patterns in the order in which they are applied. */
  public List<String> expressions() {
    return expressions;
  }

  /** Whether a pattern is known to match every text whole. */
  static boolean isWithoutGaps(String expression) {
    return KNOWN.containsKey(List.of(expression));
  }

  /**
   * Gives the pieces of a text, in order; together they are the text.
   *
   * @param text well-formed UTF-8 in {@code [from, to)}
   */
  public void split(byte[] text, int from, int to, PieceSink sink) {
    if (from == to) {
      return;
    }
    if (steps.length == 1) {
      PieceScanner scanner = steps[0];
      for (int at = from; at < to; ) {
        int end = scanner.end(text, from, at, to);
        sink.accept(text, at, end);
        at = end;
      }
    } else {
      split(0, text, from, to, sink);
    }
  }

  /** The same for a text; a surrogate without its partner counts as U+FFFD. */
  public void split(String text, PieceSink sink) {
    byte[] utf8 = Utf8Text.of(text);
    split(utf8, 0, utf8.length, sink);
  }

  /** The same for a text and its pieces as strings. */
  public void split(String text, Consumer<String> action) {
    split(
        text,
        (bytes, from, to) ->
            action.accept(new String(bytes, from, to - from, StandardCharsets.UTF_8)));
  }

  private void split(int step, byte[] text, int from, int to, PieceSink sink) {
    if (step == steps.length) {
      sink.accept(text, from, to);
      return;
    }
    for (int at = from; at < to; ) {
      int end = steps[step].end(text, from, at, to);
      split(step + 1, text, at, end, sink);
      at = end;
    }
  }

  private static PieceScanner[] scanners(List<String> expressions) {
    PieceScanner known = KNOWN.get(expressions);
    return known != null
        ? new PieceScanner[] {known}
        : expressions.stream()
            .map(
                one ->
                    Optional.ofNullable(KNOWN.get(List.of(one)))
                        .orElseGet(() -> new RegexScanner(one)))
            .toArray(PieceScanner[]::new);
  }

  private static String cl100k(String numbers) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
        + numbers
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }
}

package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Hugging Face's {@code tokenizer.json} for byte-level BPE. Whatever a file asks for that would
 * change ids and is not supported is an error that names the key, never a silent difference.
 *
 * <p>Tokens that a post-processor adds at the ends of a text are none of the text's: they are not
 * added, and a file that is written asks for none.
 */
public final class TokenizerJson {

  private TokenizerJson() {}

  /** The file's text; the same for the same tokenizer. */
  public static String write(Tokenizer tokenizer) {
    return TokenizerJsonWriter.write(tokenizer);
  }

  /**
   * Reads a file's text.
   *
   * @throws TokenizerException if it is not such a file, or asks for something not supported
   */
  public static Tokenizer read(String text) {
    return TokenizerJsonReader.read(text);
  }

  /** SHA-256 of a file's text, in hex. */
  public static String digest(String text) {
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("unreachable: every JDK has SHA-256", e);
    }
  }
}

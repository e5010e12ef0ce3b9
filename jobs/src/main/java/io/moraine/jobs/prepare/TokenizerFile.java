package io.moraine.jobs.prepare;

import io.moraine.jobs.config.ConfigException;
import io.moraine.pipeline.tokenizer.RankFile;
import io.moraine.pipeline.tokenizer.RankFileConfig;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerException;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A tokenizer that a user names.
 *
 * @param name the file's path as the user wrote it
 * @param tokenizer what is in it
 * @param json a tokenizer.json: the file's text, unchanged, or that of a rank file's tokenizer
 */
record TokenizerFile(String name, Tokenizer tokenizer, String json) {

  /**
   * Reads a tokenizer.json or a rank file.
   *
   * @param ranks what a rank file does not say itself
   * @throws TokenizerException if it is neither or has something that is not supported
   * @throws FileNotFoundException if it is not there
   * @throws ConfigException if it is a folder, if it is a rank file and {@code ranks} has no
   *     pattern, or it is none and {@code ranks} is not empty
   */
  static TokenizerFile read(Configuration hadoop, String name, RankFileConfig ranks)
      throws IOException {
    Path path = new Path(name);
    FileSystem files = path.getFileSystem(hadoop);
    if (!files.exists(path)) {
      throw new FileNotFoundException("--tokenizer %s: there is no such file.".formatted(name));
    }
    if (files.getFileStatus(path).isDirectory()) {
      throw new ConfigException(
          "--tokenizer %s is a folder: name the tokenizer.json in it.".formatted(name));
    }
    byte[] bytes;
    try (InputStream in = files.open(path)) {
      bytes = in.readAllBytes();
    }
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return RankFile.isOne(text) ? ofRanks(name, text, ranks) : ofJson(name, text, ranks);
    } catch (CharacterCodingException e) {
      throw new TokenizerException(
          "--tokenizer %s: neither a tokenizer.json nor a rank file, it is not UTF-8"
              .formatted(name));
    } catch (TokenizerException e) {
      throw new TokenizerException("--tokenizer %s: %s".formatted(name, e.getMessage()));
    }
  }

  /** Refuses what is said of a rank file where a tokenizer is trained. */
  static void requireNone(RankFileConfig ranks) {
    if (!ranks.isEmpty()) {
      throw new ConfigException(
          "tokenizer.rank-file says how to read the rank file of --tokenizer, but there is none: the tokenizer is trained.");
    }
  }

  private static TokenizerFile ofRanks(String name, String text, RankFileConfig ranks) {
    if (ranks.pattern().isEmpty()) {
      throw new ConfigException(
          "--tokenizer %s is a rank file, which does not say how texts are cut: add --tokenizer-pattern, such as cl100k, and --tokenizer-special-tokens."
              .formatted(name));
    }
    Tokenizer tokenizer = RankFile.read(text, ranks);
    return new TokenizerFile(name, tokenizer, TokenizerJson.write(tokenizer));
  }

  private static TokenizerFile ofJson(String name, String text, RankFileConfig ranks) {
    Tokenizer tokenizer = TokenizerJson.read(text);
    if (!ranks.isEmpty()) {
      throw new ConfigException(
          "--tokenizer %s is a tokenizer.json, which has a pattern and special tokens itself: leave out --tokenizer-pattern and --tokenizer-special-tokens (tokenizer.rank-file)."
              .formatted(name));
    }
    return new TokenizerFile(name, tokenizer, text);
  }
}

package io.moraine.jobs.prepare;

import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerException;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A tokenizer that a user names. */
final class TokenizerFile {

  private TokenizerFile() {}

  /**
   * Reads it.
   *
   * @throws TokenizerException if it is no tokenizer or has something that is not supported
   */
  static Tokenizer read(Configuration hadoop, String file) throws IOException {
    Path path = new Path(file);
    try (InputStream in = path.getFileSystem(hadoop).open(path)) {
      return TokenizerJson.read(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (TokenizerException e) {
      throw new TokenizerException("--tokenizer %s: %s".formatted(file, e.getMessage()));
    }
  }
}

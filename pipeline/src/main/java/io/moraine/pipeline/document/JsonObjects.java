package io.moraine.pipeline.document;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/**
 * A file of JSON objects, one per line, that must be readable as a whole: gzip or zstd by its name.
 * Blank lines are passed over.
 */
public final class JsonObjects {

  private static final int MAX_LINE_BYTES = 64 << 20;
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private JsonObjects() {}

  /** Receives an object and the number of its line, 1 first. */
  @FunctionalInterface
  public interface Action {
    void accept(long line, ObjectNode object);
  }

  /**
   * Calls {@code action} with each object in order.
   *
   * @param in the file's bytes as stored; closed by the caller
   * @param file names the compression, and the file in messages
   * @throws CorpusException if a line is no JSON object in UTF-8 of at most 64 MiB, or the file
   *     cannot be read; the message names file and line
   */
  public static void read(InputStream in, String file, Action action) {
    long line = 0;
    try {
      LineReader lines = new LineReader(Compression.of(file).plain(in), MAX_LINE_BYTES, 0);
      while (lines.next()) {
        line++;
        Optional<ObjectNode> object = object(lines, file, line);
        if (object.isPresent()) {
          action.accept(line, object.get());
        }
      }
    } catch (IOException e) {
      throw refused(file, line + 1, Compression.reason(e));
    }
  }

  /** The line's object; empty for a blank line. */
  private static Optional<ObjectNode> object(LineReader lines, String file, long line) {
    if (lines.isTooLong()) {
      throw refused(
          file, line, "%d bytes, more than %d".formatted(lines.lengthBytes(), MAX_LINE_BYTES));
    }
    int from = line == 1 ? StrictUtf8.byteOrderMark(lines.bytes(), lines.length()) : 0;
    String text =
        StrictUtf8.decode(lines.bytes(), from, lines.length() - from)
            .orElseThrow(() -> refused(file, line, "invalid UTF-8"));
    if (text.isBlank()) {
      return Optional.empty();
    }
    try {
      if (JSON.readTree(text) instanceof ObjectNode object) {
        return Optional.of(object);
      }
    } catch (JsonProcessingException e) {
      String reason = e.getOriginalMessage().lines().findFirst().orElse("");
      throw refused(file, line, "not JSON: " + reason);
    }
    throw refused(file, line, "no JSON object");
  }

  private static CorpusException refused(String file, long line, String reason) {
    return new CorpusException("%s, line %d: %s.".formatted(file, line, reason));
  }
}

package io.moraine.pipeline.document;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.text.Surrogates;
import java.io.IOException;
import java.io.InputStream;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * The parts of a file that holds one JSON object per line, or of a byte range of it: the lines that
 * start in the range. Reads as it is asked.
 */
final class JsonLines implements Iterator<Part> {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();
  private static final ObjectWriter ASCII = JSON.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII);

  private final ReadConfig config;
  private final String file;
  private final long fromBytes;
  private final long toBytes;
  private final LineReader lines;
  private Part next;
  private boolean started;
  private boolean any;
  private boolean ended;
  private long blankLines;

  /** A whole file. */
  JsonLines(InputStream in, String file, ReadConfig config) {
    this(in, file, config, 0, Long.MAX_VALUE);
  }

  /**
   * A range of a file.
   *
   * @param in stands one byte before the range, at the start of the file for its first range
   */
  JsonLines(InputStream in, String file, ReadConfig config, long fromBytes, long toBytes) {
    this.config = config;
    this.file = file;
    this.fromBytes = fromBytes;
    this.toBytes = toBytes;
    this.lines = new LineReader(in, config.maxDocumentBytes(), Math.max(0, fromBytes - 1));
  }

  @Override
  public boolean hasNext() {
    while (next == null && !ended) {
      advance();
    }
    if (next == null && blankLines > 0) {
      next = new PassedOver(file, PassedOver.Reason.BLANK_LINE, blankLines);
      blankLines = 0;
    }
    return next != null;
  }

  @Override
  public Part next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Part part = next;
    next = null;
    return part;
  }

  private void advance() {
    try {
      if (!started && fromBytes > 0) {
        lines.skip(toBytes); // its start is in the range before
      }
      started = true;
      ended = lines.nextOffsetBytes() >= toBytes || !lines.next();
      if (!ended) {
        any = true;
        next = readLine();
        blankLines += next == null ? 1 : 0;
      } else if (!any && fromBytes == 0) {
        next = new Unreadable(file, 0, "empty file", "");
      }
    } catch (IOException e) {
      ended = true;
      next = refused(Compression.reason(e));
    }
  }

  /** The line's part; null for a blank line. */
  private Part readLine() {
    if (lines.isTooLong()) {
      return refused(DocumentReader.tooLong(lines.lengthBytes(), config));
    }
    int from =
        lines.offsetBytes() == 0 ? StrictUtf8.byteOrderMark(lines.bytes(), lines.length()) : 0;
    Optional<String> line = StrictUtf8.decode(lines.bytes(), from, lines.length() - from);
    if (line.isEmpty()) {
      return refused("invalid UTF-8");
    }
    return line.get().isBlank() ? null : readObject(line.get());
  }

  private Part readObject(String line) {
    JsonNode object;
    try {
      object = JSON.readTree(line);
    } catch (JsonProcessingException e) {
      return refused("not JSON: " + complaint(e));
    }
    JsonNode text = object.isObject() ? object.get(config.textField()) : null;
    if (text == null || !text.isTextual()) {
      String found = !object.isObject() ? "no object" : text == null ? "no such field" : "no text";
      return refused("field \"%s\" must be a text, found %s".formatted(config.textField(), found));
    }
    if (Surrogates.hasLone(text.textValue())) {
      return refused("text has a surrogate without its partner");
    }
    Optional<String> id = name(object, config.idField());
    Optional<String> source = name(object, config.sourceField());
    Optional<String> url = name(object, config.urlField());
    ObjectNode rest = (ObjectNode) object;
    rest.remove(config.textField());
    id.ifPresent(name -> rest.remove(config.idField()));
    source.ifPresent(name -> rest.remove(config.sourceField()));
    url.ifPresent(name -> rest.remove(config.urlField()));
    return new Document(
        id.orElseGet(() -> DocumentReader.idOf(file, lines.offsetBytes())),
        source.orElseGet(() -> DocumentReader.sourceOf(file)),
        file,
        lines.offsetBytes(),
        text.textValue(),
        url.orElse(""),
        metadata(rest));
  }

  /** The first line, and of a field that stands twice not how Jackson was told to care. */
  private static String complaint(JsonProcessingException e) {
    String line = e.getOriginalMessage().lines().findFirst().orElse("");
    return line.replaceFirst(" for `ObjectNode`: not allowed.*", "");
  }

  /** Fields as a JSON object, empty if there are none. */
  static String metadata(ObjectNode fields) {
    if (fields.isEmpty()) {
      return "";
    }
    try {
      String json = JSON.writeValueAsString(fields);
      return Surrogates.hasLone(json) ? ASCII.writeValueAsString(fields) : json;
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON tree that cannot be written", e);
    }
  }

  private Unreadable refused(String error) {
    String raw = StrictUtf8.preview(lines.bytes(), 0, lines.length());
    return new Unreadable(file, lines.offsetBytes(), error, raw);
  }

  /** A field that is a name, a text or an integer; others stay with the metadata. */
  private static Optional<String> name(JsonNode object, String field) {
    JsonNode node = object.get(field);
    boolean isName =
        node != null
            && (node.isTextual()
                    && !node.textValue().isEmpty()
                    && !Surrogates.hasLone(node.textValue())
                || node.isIntegralNumber());
    return isName ? Optional.of(node.asText()) : Optional.empty();
  }
}

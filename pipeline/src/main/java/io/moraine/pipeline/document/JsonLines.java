package io.moraine.pipeline.document;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;

/** The parts of a file that holds one JSON object per line; reads as it is asked. */
final class JsonLines implements Iterator<Part> {

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private final ReadConfig config;
  private final String file;
  private final LineReader lines;
  private Part next;
  private boolean any;
  private boolean ended;

  JsonLines(InputStream in, String file, ReadConfig config) {
    this.config = config;
    this.file = file;
    this.lines = new LineReader(in, config.maxDocumentBytes());
  }

  @Override
  public boolean hasNext() {
    while (next == null && !ended) {
      advance();
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
      ended = !lines.next();
      if (!ended) {
        any = true;
        next = readLine();
      } else if (!any) {
        next = new Unreadable(file, 0, "empty file", "");
      }
    } catch (IOException e) {
      ended = true;
      next = refused(DocumentReader.reason(e));
    }
  }

  /** The line's part; null for a blank line. */
  private Part readLine() {
    if (lines.isTooLong()) {
      return refused(DocumentReader.tooLong(lines.lengthBytes(), config));
    }
    int from = lines.offsetBytes() == 0 ? Utf8.byteOrderMark(lines.bytes(), lines.length()) : 0;
    Optional<String> line = Utf8.decode(lines.bytes(), from, lines.length() - from);
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
      return refused("not JSON: " + e.getOriginalMessage().lines().findFirst().orElse(""));
    }
    JsonNode text = object.isObject() ? object.get(config.textField()) : null;
    if (text == null || !text.isTextual()) {
      String found = !object.isObject() ? "no object" : text == null ? "no such field" : "no text";
      return refused("field \"%s\" must be a text, found %s".formatted(config.textField(), found));
    }
    if (Utf8.hasLoneSurrogate(text.textValue())) {
      return refused("text has a surrogate without its partner");
    }
    JsonNode id = object.get(config.idField());
    JsonNode source = object.get(config.sourceField());
    return new Document(
        isName(id) ? id.asText() : DocumentReader.idOf(file, lines.offsetBytes()),
        isName(source) ? source.asText() : DocumentReader.sourceOf(file),
        file,
        lines.offsetBytes(),
        text.textValue());
  }

  private Unreadable refused(String error) {
    String raw = Utf8.preview(lines.bytes(), 0, lines.length());
    return new Unreadable(file, lines.offsetBytes(), error, raw);
  }

  private static boolean isName(JsonNode node) {
    return node != null
        && (node.isTextual()
                && !node.textValue().isEmpty()
                && !Utf8.hasLoneSurrogate(node.textValue())
            || node.isIntegralNumber());
  }
}

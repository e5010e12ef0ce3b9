package io.moraine.pipeline.document;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.document.PassedOver.Reason;
import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.text.Surrogates;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.netpreserve.jwarc.HttpResponse;
import org.netpreserve.jwarc.MediaType;
import org.netpreserve.jwarc.WarcConversion;
import org.netpreserve.jwarc.WarcReader;
import org.netpreserve.jwarc.WarcRecord;
import org.netpreserve.jwarc.WarcResponse;
import org.netpreserve.jwarc.WarcTargetRecord;

/**
 * The parts of a WARC or WET file: a document for each HTML page that was answered with status 200
 * and each conversion to plain text; other records are passed over and counted. Behind a damaged
 * record reading goes on with the next line that begins one.
 *
 * @source ISO 28500:2017
 */
final class WarcRecords implements Iterator<Part> {

  private static final List<String> CARRIED =
      List.of("WARC-Date", "WARC-Truncated", "WARC-Identified-Content-Language");

  private static final Pattern AUTHORITY =
      Pattern.compile("^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?(\\[[^]/]*]|[^/?#:]+)");

  private final ReadConfig config;
  private final String file;
  private final WarcBytes bytes;
  private final TreeMap<Reason, Long> passedOver = new TreeMap<>();
  private Optional<Part> next = Optional.empty();
  private boolean any;
  private boolean damaged;
  private boolean ended;

  WarcRecords(InputStream in, String file, ReadConfig config) {
    this.config = config;
    this.file = file;
    this.bytes = new WarcBytes(in);
  }

  @Override
  public boolean hasNext() {
    while (next.isEmpty() && !ended) {
      next = advance();
    }
    if (next.isEmpty()) {
      next =
          Optional.ofNullable(passedOver.pollFirstEntry())
              .map(all -> new PassedOver(file, all.getKey(), all.getValue()));
    }
    return next.isPresent();
  }

  @Override
  public Part next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Part part = next.orElseThrow();
    next = Optional.empty();
    return part;
  }

  /** The next record's part; empty for a record that is passed over, and at the end. */
  private Optional<Part> advance() {
    boolean more = damaged ? bytes.seekRecord(true) : bytes.skipLineEnds();
    damaged = false;
    long offset = bytes.offset();
    if (!more) {
      return atEnd(offset);
    }
    any = true;
    if (!bytes.atRecord()) {
      return damaged(offset, "not a WARC record", bytes.preview());
    }
    String header = "";
    try {
      WarcReader reader = new WarcReader(bytes, bytes.ahead());
      reader.setLenient(true);
      WarcRecord record = reader.next().orElseThrow(() -> new EOFException("no header"));
      header = preview(record);
      Part part = part(record, offset, header);
      record.body().consume();
      long end = bytes.offset();
      boolean follows = bytes.skipLineEnds();
      if (bytes.brokeBefore(offset)) {
        return broken(offset, header);
      }
      return follows && bytes.offset() == end
          ? damaged(offset, "the record does not end where its Content-Length says", header)
          : counted(part);
    } catch (IOException | IllegalArgumentException e) {
      bytes.settle();
      if (bytes.hasFailed()) {
        return broken(offset, header);
      }
      String error = e instanceof EOFException ? "record is cut off" : "not a WARC record";
      return damaged(offset, message(error, e), header);
    }
  }

  private Optional<Part> counted(Part part) {
    if (part instanceof PassedOver one) {
      passedOver.merge(one.reason(), one.count(), Long::sum);
      return Optional.empty();
    }
    return Optional.of(part);
  }

  private Optional<Part> atEnd(long offset) {
    if (bytes.hasFailed()) {
      return broken(offset, "");
    }
    ended = true;
    return any ? Optional.empty() : Optional.of(new Unreadable(file, 0, "empty file", ""));
  }

  /** A part that the stream broke in. */
  private Optional<Part> broken(long offset, String raw) {
    return damaged(offset, Compression.reason(bytes.takeFailure()), raw);
  }

  private Optional<Part> damaged(long offset, String error, String raw) {
    any = true;
    damaged = true;
    return Optional.of(new Unreadable(file, offset, error, raw));
  }

  private Part part(WarcRecord record, long offset, String header) throws IOException {
    if (record.body().size() < 0) {
      throw new IOException("negative Content-Length");
    }
    try {
      return record instanceof WarcResponse response
          ? page(response, offset, header)
          : record instanceof WarcConversion conversion
              ? conversion(conversion, offset, header)
              : passedOver(reasonOfType(record));
    } catch (IOException | RuntimeException e) { // the web has payloads that no parser foresees
      return unreadable(offset, message("payload cannot be read", e), header);
    }
  }

  private static Reason reasonOfType(WarcRecord record) {
    return switch (record.headers().first("WARC-Type").orElse("")) {
      case "warcinfo" -> Reason.WARC_INFO;
      case "request" -> Reason.WARC_REQUEST;
      case "metadata" -> Reason.WARC_METADATA;
      case "revisit" -> Reason.WARC_REVISIT;
      case "resource" -> Reason.WARC_RESOURCE;
      default -> Reason.WARC_OTHER_TYPE;
    };
  }

  private Part conversion(WarcConversion record, long offset, String header) throws IOException {
    if (!is(record.contentType(), MediaType.PLAIN_TEXT)) {
      return passedOver(Reason.WARC_NOT_TEXT);
    }
    if (record.body().size() > config.maxDocumentBytes()) {
      return unreadable(offset, DocumentReader.tooLong(record.body().size(), config), header);
    }
    byte[] text = record.body().stream().readAllBytes();
    return StrictUtf8.decode(text, 0, text.length)
        .map(decoded -> document(record, offset, decoded))
        .orElseGet(() -> unreadable(offset, "invalid UTF-8", header));
  }

  private Part page(WarcResponse record, long offset, String header) throws IOException {
    if (!is(record.contentType(), MediaType.HTTP)) {
      return passedOver(Reason.WARC_NOT_HTTP);
    }
    HttpResponse http = HttpResponse.parse(record.body());
    MediaType type = http.contentType();
    if (http.status() != 200) {
      return passedOver(Reason.WARC_NOT_200);
    }
    if (!is(type, MediaType.HTML) && !is(type, MediaType.XHTML)) {
      return passedOver(Reason.WARC_NOT_HTML);
    }
    if (record.body().size() > config.maxDocumentBytes()) {
      return unreadable(offset, DocumentReader.tooLong(record.body().size(), config), header);
    }
    byte[] html = http.bodyDecoded().stream().readNBytes(config.maxDocumentBytes() + 1);
    if (html.length > config.maxDocumentBytes()) {
      String error = "decoded, more than max-document-bytes = %d";
      return unreadable(offset, error.formatted(config.maxDocumentBytes()), header);
    }
    Optional<String> charset = Optional.ofNullable(type.parameters().get("charset"));
    String text = HtmlText.of(html, charset);
    return Surrogates.hasLone(text)
        ? unreadable(offset, "text has a surrogate without its partner", header)
        : document(record, offset, text);
  }

  private Part document(WarcTargetRecord record, long offset, String text) {
    Optional<String> id = record.headers().first("WARC-Record-ID");
    String url = Optional.ofNullable(record.target()).orElse("");
    ObjectNode metadata = JsonNodeFactory.instance.objectNode();
    for (String name : CARRIED) {
      record.headers().first(name).ifPresent(value -> metadata.put(name, value));
    }
    return new Document(
        id.map(name -> Murmur3.hash128(name).hex())
            .orElseGet(() -> DocumentReader.idOf(file, offset)),
        host(url).orElseGet(() -> DocumentReader.sourceOf(file)),
        file,
        offset,
        text,
        url,
        JsonLines.metadata(metadata));
  }

  private Part passedOver(Reason reason) {
    return new PassedOver(file, reason, 1);
  }

  private Part unreadable(long offset, String error, String raw) {
    return new Unreadable(file, offset, error, raw);
  }

  /** The host of a URL in lower case; URLs of the web are often no URIs in the strict sense. */
  static Optional<String> host(String url) {
    Matcher authority = AUTHORITY.matcher(url);
    return authority.find()
        ? Optional.of(authority.group(1).toLowerCase(Locale.ROOT))
        : Optional.empty();
  }

  private static boolean is(MediaType type, MediaType base) {
    return base.type().equalsIgnoreCase(type.type())
        && base.subtype().equalsIgnoreCase(type.subtype());
  }

  private static String preview(WarcRecord record) {
    byte[] header = record.serializeHeader();
    return StrictUtf8.preview(header, 0, header.length);
  }

  private static String message(String error, Exception e) {
    return e.getMessage() == null ? error : error + ": " + e.getMessage();
  }
}

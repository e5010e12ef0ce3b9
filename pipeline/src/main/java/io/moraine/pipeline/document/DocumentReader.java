package io.moraine.pipeline.document;

import io.moraine.pipeline.hash.Murmur3;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Reads the documents of one file: one per line of JSON, one per page of a WARC or WET file, or the
 * whole file as one text; gzip or zstd by its name. What cannot be read becomes an {@link
 * Unreadable} with its offset, and reading goes on behind it.
 */
public final class DocumentReader {

  /** Bytes of an unreadable part that are kept for people to look at. */
  public static final int RAW_BYTES = 1024;

  private final ReadConfig config;

  public DocumentReader(ReadConfig config) {
    this.config = config;
  }

  /**
   * The parts of a file, read as the iterator is asked: at most one document is held.
   *
   * @param in the file's bytes as stored; closed by the caller when the iterator is done
   * @param file path relative to the input root: names the format, the documents' source and ids
   */
  public Iterator<Part> read(InputStream in, String file) {
    try {
      InputStream plain = Compression.of(file).plain(in);
      if (isJsonLines(file)) {
        return new JsonLines(plain, file, config);
      }
      return isWarc(file)
          ? new WarcRecords(plain, file, config)
          : List.of(readText(plain, file)).iterator();
    } catch (IOException e) {
      return List.<Part>of(new Unreadable(file, 0, Compression.reason(e), "")).iterator();
    }
  }

  /**
   * The parts of a file that start in a range of its bytes. Ranges that cover a file give what
   * {@link #read(InputStream, String)} gives, each part once; what is passed over adds up.
   *
   * @param in the file's bytes from the one before the range on, from 0 for the first range
   * @param file path of a file that {@link #isSplittable(String)}
   * @param fromBytes first byte of the range
   * @param toBytes the byte behind the range
   */
  public Iterator<Part> readRange(InputStream in, String file, long fromBytes, long toBytes) {
    return new JsonLines(in, file, config, fromBytes, toBytes);
  }

  /** A document whose text somebody else read: unreadable if that is too large. */
  public Part checked(Document document) {
    byte[] utf8 = document.text().getBytes(StandardCharsets.UTF_8);
    return utf8.length <= config.maxDocumentBytes()
        ? document
        : new Unreadable(
            document.file(),
            document.offsetBytes(),
            tooLong(utf8.length, config),
            StrictUtf8.preview(utf8, 0, utf8.length));
  }

  /** Whether a file of this name holds one JSON document per line. */
  public static boolean isJsonLines(String file) {
    String name = Compression.plainName(file);
    return name.endsWith(".jsonl") || name.endsWith(".json") || name.endsWith(".ndjson");
  }

  /** Whether a file of this name can be read in ranges: uncompressed lines of JSON. */
  public static boolean isSplittable(String file) {
    return isJsonLines(file) && Compression.of(file) == Compression.NONE;
  }

  private static boolean isWarc(String file) {
    String name = Compression.plainName(file);
    return name.endsWith(".warc") || name.endsWith(".wet");
  }

  /** The id of a document that has none of its own. */
  public static String idOf(String file, long offsetBytes) {
    return Murmur3.hash128(file + '\n' + offsetBytes).hex();
  }

  /** The source of a document that has none of its own: its first folder, else its file's name. */
  public static String sourceOf(String file) {
    int slash = file.indexOf('/');
    if (slash > 0) {
      return file.substring(0, slash);
    }
    int dot = file.indexOf('.');
    return dot > 0 ? file.substring(0, dot) : file;
  }

  static String tooLong(long lengthBytes, ReadConfig config) {
    return "%d bytes, more than max-document-bytes = %d"
        .formatted(lengthBytes, config.maxDocumentBytes());
  }

  private Part readText(InputStream in, String file) throws IOException {
    byte[] bytes = in.readNBytes(config.maxDocumentBytes() + 1);
    if (bytes.length == 0) {
      return new Unreadable(file, 0, "empty file", "");
    }
    String preview = StrictUtf8.preview(bytes, 0, bytes.length);
    if (bytes.length > config.maxDocumentBytes()) {
      long rest = in.transferTo(OutputStream.nullOutputStream());
      return new Unreadable(file, 0, tooLong(bytes.length + rest, config), preview);
    }
    int from = StrictUtf8.byteOrderMark(bytes, bytes.length);
    Optional<String> text = StrictUtf8.decode(bytes, from, bytes.length - from);
    if (text.isEmpty()) {
      return new Unreadable(file, 0, "invalid UTF-8", preview);
    }
    if (text.get().indexOf('\0') >= 0) {
      return new Unreadable(file, 0, "binary: contains NUL", preview);
    }
    return new Document(idOf(file, 0), sourceOf(file), file, 0, text.get(), "", "");
  }
}

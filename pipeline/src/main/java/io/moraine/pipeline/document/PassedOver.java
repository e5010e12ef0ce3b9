package io.moraine.pipeline.document;

import java.util.Locale;

/**
 * What a reader passed over for one reason: neither documents nor damage.
 *
 * @param file path relative to the input root; of {@link Reason#HIDDEN_NAME} the folder's
 * @param reason why
 * @param count how often in the file, or in the range of it that was read
 */
public record PassedOver(String file, Reason reason, long count) implements Part {

  /** Why something of the input is no document. */
  public enum Reason {
    /** A line without JSON, of white space alone. */
    BLANK_LINE,
    /** A file or folder below an input whose name begins with . or _; a folder counts once. */
    HIDDEN_NAME,
    /** A Parquet file that has none. */
    PARQUET_WITHOUT_ROWS,
    /** A record that describes the file. */
    WARC_INFO,
    /** What was sent to a server. */
    WARC_REQUEST,
    /** A record that describes another one. */
    WARC_METADATA,
    /** An answer that is stored elsewhere, as it was seen before. */
    WARC_REVISIT,
    /** A file that was stored without the answer it came in. */
    WARC_RESOURCE,
    /** A record of any other type, the rest of a segmented one among them. */
    WARC_OTHER_TYPE,
    /** An answer of another protocol. */
    WARC_NOT_HTTP,
    /** An answer of HTTP with another status than 200. */
    WARC_NOT_200,
    /** An answer with status 200 that is no HTML. */
    WARC_NOT_HTML,
    /** A conversion that is no plain text. */
    WARC_NOT_TEXT;

    /** As datasets and messages name it: {@code blank-line}. */
    public String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }
}

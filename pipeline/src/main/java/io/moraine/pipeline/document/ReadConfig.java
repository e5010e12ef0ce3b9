package io.moraine.pipeline.document;

import java.io.Serializable;

/**
 * How documents are found in files.
 *
 * @param textField JSON and Parquet: the field with the text
 * @param idField the field with the id; digest of file and offset where it is absent
 * @param sourceField the field with the source; folder or file name where it is absent
 * @param urlField the field with the URL the text was found at; none where it is absent
 * @param maxDocumentBytes larger documents, lines and WARC records go to quarantine; in [1, 1 GiB]
 */
public record ReadConfig(
    String textField, String idField, String sourceField, String urlField, int maxDocumentBytes)
    implements Serializable {

  public ReadConfig {
    if (maxDocumentBytes < 1 || maxDocumentBytes > 1 << 30) {
      throw new IllegalArgumentException(
          "max-document-bytes must be in [1, 1 GiB], got %d".formatted(maxDocumentBytes));
    }
  }
}

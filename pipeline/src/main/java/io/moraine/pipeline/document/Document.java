package io.moraine.pipeline.document;

/**
 * One document as it was read.
 *
 * @param id its own id if the input has one, else a digest of file and offset; never of the order
 *     of reading
 * @param source where it comes from, for counts per source: the input's {@code source} field or the
 *     host of its URL in a WARC file, else the folder below the input root
 * @param file path relative to the input root
 * @param offsetBytes where it starts in the (decompressed) file
 * @param text well-formed Unicode
 * @param url where it was found; empty if the input does not say
 * @param metadata all other fields of the input as a JSON object; empty if there are none
 */
public record Document(
    String id,
    String source,
    String file,
    long offsetBytes,
    String text,
    String url,
    String metadata)
    implements Part {}

package io.moraine.pipeline.document;

/**
 * A part of the input that could not be read: goes to quarantine.
 *
 * @param file path relative to the input root
 * @param offsetBytes where the part starts in the (decompressed) file
 * @param error what is wrong with it
 * @param raw its first {@value DocumentReader#RAW_BYTES} bytes, malformed ones replaced
 */
public record Unreadable(String file, long offsetBytes, String error, String raw) implements Part {}

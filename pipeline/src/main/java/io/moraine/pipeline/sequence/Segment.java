package io.moraine.pipeline.sequence;

/**
 * A stretch of one document in a sequence.
 *
 * @param start position in the sequence at which it begins; it ends where the next one begins
 * @param document id
 * @param copy which copy of the document, from 0
 * @param offset of its first token in the document, whose last token is the end-of-text
 */
public record Segment(int start, String document, int copy, int offset) {}

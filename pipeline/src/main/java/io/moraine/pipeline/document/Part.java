package io.moraine.pipeline.document;

/**
 * What a reader finds in a file: documents and parts that it cannot read, in order, and at last,
 * for each reason, how much it passed over.
 */
public sealed interface Part permits Document, Unreadable, PassedOver {}

package io.moraine.pipeline.document;

/** What a reader finds in a file, in order: a document, or a part that it cannot read. */
public sealed interface Part permits Document, Unreadable {}

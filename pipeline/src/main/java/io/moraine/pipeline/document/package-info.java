/**
 * What a document is and how documents are read from streams of bytes: {@link
 * io.moraine.pipeline.document.Document}, ids from content, quarantine of what cannot be read.
 */
package io.moraine.pipeline.document;

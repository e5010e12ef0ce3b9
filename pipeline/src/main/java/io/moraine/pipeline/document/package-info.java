/**
 * What a document is and how documents are read from streams of bytes: ids, and quarantine of what
 * cannot be read. Entry: {@link io.moraine.pipeline.document.DocumentReader}.
 */
package io.moraine.pipeline.document;

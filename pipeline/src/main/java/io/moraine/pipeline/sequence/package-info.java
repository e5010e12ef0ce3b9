/**
 * The arithmetic from documents to sequences: which documents are held out, how often the others
 * are used and which of them have their middle moved to the end, and how all are packed, in a keyed
 * order, into sequences of equal length.
 */
package io.moraine.pipeline.sequence;

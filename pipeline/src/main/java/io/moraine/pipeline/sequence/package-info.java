/**
 * The arithmetic of packing: documents in a keyed order, concatenated and cut into sequences of
 * equal length; and which documents are held out.
 */
package io.moraine.pipeline.sequence;

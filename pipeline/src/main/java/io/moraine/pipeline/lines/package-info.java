/**
 * Lines and paragraphs that stand in many places of a corpus: what a unit of a text is, and when
 * two are the same.
 */
package io.moraine.pipeline.lines;

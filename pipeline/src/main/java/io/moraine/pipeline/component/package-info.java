/**
 * Who survives, given the duplicate pairs: {@link io.moraine.pipeline.component.Survivors}. In
 * memory, over pairs only; documents without a duplicate never appear here.
 */
package io.moraine.pipeline.component;

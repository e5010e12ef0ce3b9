/**
 * Who survives, given the duplicate pairs: {@link io.moraine.pipeline.component.GreedySurvivors}
 * and {@link io.moraine.pipeline.component.Components}. Documents without a duplicate never appear
 * here.
 */
package io.moraine.pipeline.component;

/**
 * Quality rules: pure predicates over a normalised text, each rejection with rule, measured value
 * and threshold. Entry: {@link io.moraine.pipeline.filter.QualityRules}.
 */
package io.moraine.pipeline.filter;

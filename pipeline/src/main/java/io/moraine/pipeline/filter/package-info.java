/**
 * Cleaning of texts and quality rules: pure functions of a normalised text, each rejection with
 * rule, measured value and threshold. Entry: {@link io.moraine.pipeline.filter.TextCleaner}; one
 * record per {@link io.moraine.pipeline.filter.RuleSet}, its components are its thresholds.
 */
package io.moraine.pipeline.filter;

/**
 * Personal data and secrets in texts, found by scanners of linear time and replaced. Entry: {@link
 * io.moraine.pipeline.pii.PiiScrubber}. Knows neither Spark nor quality rules.
 */
package io.moraine.pipeline.pii;

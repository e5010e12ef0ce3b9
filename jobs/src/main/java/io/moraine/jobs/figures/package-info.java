/**
 * Tables to be drawn of prepared datasets and training runs, read from their documented files
 * (docs/formats.md). The report and the notebooks call the same ones.
 */
package io.moraine.jobs.figures;

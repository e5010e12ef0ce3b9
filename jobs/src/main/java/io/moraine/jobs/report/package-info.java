/**
 * Results as people read them: the HTML page of {@code report}, the summary of a training run,
 * charts and tables in the terminal, and what {@code plan} says of a model or of bands before
 * anything is run. Figures come from {@link io.moraine.jobs.figures}.
 */
package io.moraine.jobs.report;

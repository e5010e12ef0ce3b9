/** Results as people read them: the one-page summary, charts in the terminal, tables. */
package io.moraine.jobs.report;

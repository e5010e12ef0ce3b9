/**
 * The right to change a folder, which one process at a time has, and files that appear as a whole.
 * Knows nothing of what is in the folders.
 */
package io.moraine.jobs.lease;

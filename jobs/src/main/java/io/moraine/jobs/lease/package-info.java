/**
 * The right to change a folder, which one process at a time has, and files that appear as a whole;
 * {@link io.moraine.jobs.lease.HeldLeases} are those of a command. Knows nothing of what is in the
 * folders.
 */
package io.moraine.jobs.lease;

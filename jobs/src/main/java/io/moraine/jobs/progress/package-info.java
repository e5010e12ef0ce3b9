/** What a person sees while a long command runs. May use no other package of this module. */
package io.moraine.jobs.progress;

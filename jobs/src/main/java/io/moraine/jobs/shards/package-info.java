/** A prepared dataset as token shards of other trainers. */
package io.moraine.jobs.shards;

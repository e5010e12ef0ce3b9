/** What is done with tokens beside a prepared dataset: export to the shards of other trainers. */
package io.moraine.jobs.tokenize;

/**
 * Corpus to prepared dataset: the stages in order, the folder's layout, its manifest, and how it
 * appears under its name only when it is whole. Must not know the model.
 */
package io.moraine.jobs.prepare;

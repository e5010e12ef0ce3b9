/**
 * Corpus to prepared dataset, and the parts of that way as jobs of their own (dedup, tokenizer,
 * encode): the stages in order, the folder's layout, its manifest, and how it appears under its
 * name only when it is whole. Must not know the model.
 */
package io.moraine.jobs.prepare;

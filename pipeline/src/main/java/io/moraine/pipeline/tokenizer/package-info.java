/**
 * Byte-level BPE: {@link io.moraine.pipeline.tokenizer.Tokenizer} encodes and decodes, {@link
 * io.moraine.pipeline.tokenizer.BpeTrainer} learns merges, {@link
 * io.moraine.pipeline.tokenizer.TokenizerJson} reads and writes Hugging Face's file.
 */
package io.moraine.pipeline.tokenizer;

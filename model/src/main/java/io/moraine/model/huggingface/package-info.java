/**
 * Models as other programs store them: {@link io.moraine.model.huggingface.ModelImport} reads
 * Hugging Face's folders and the published DeepSeek code's files, {@link
 * io.moraine.model.huggingface.ModelExport} writes Hugging Face's. Tokenizers are not its business.
 */
package io.moraine.model.huggingface;

package io.moraine.pipeline.tokenizer;

/** Which added tokens are found where their text stands in a text to be encoded. */
public enum AddedTokenMatching {

  /** None: their text is ordinary text, so that no document can write a control token. */
  NONE,

  /** Those that are not special (Hugging Face's {@code encode_special_tokens}). */
  NOT_SPECIAL,

  /** All, as Hugging Face's tokenizers do unless told otherwise. */
  ALL
}

package io.moraine.pipeline.tokenizer;

import java.util.List;

/** Patterns by the vocabulary that they were published with. */
public enum PublishedPattern {
  GPT2,
  CL100K,
  O200K,
  QWEN2,
  DEEPSEEK_V3;

  /** What cuts a text by this pattern. */
  public PreTokenizer preTokenizer() {
    return new PreTokenizer(
        switch (this) {
          case GPT2 -> List.of(PreTokenizer.GPT2);
          case CL100K -> List.of(PreTokenizer.CL100K);
          case O200K -> List.of(PreTokenizer.O200K);
          case QWEN2 -> List.of(PreTokenizer.QWEN2);
          case DEEPSEEK_V3 -> PreTokenizer.DEEPSEEK_V3;
        });
  }
}

package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * A token that takes part in no merge: a marker such as the end of a text.
 *
 * @param id its id
 * @param content its text; not empty
 * @param special whether the file calls it special: a control token, not vocabulary
 * @param normalized whether it is looked for in the normalised text, behind the others
 */
public record AddedToken(int id, String content, boolean special, boolean normalized) {

  public AddedToken {
    if (id < 0 || content.isEmpty()) {
      throw new IllegalArgumentException(
          "an added token needs an id of at least 0 and a text, got %d and \"%s\""
              .formatted(id, content));
    }
  }

  byte[] utf8() {
    return content.getBytes(StandardCharsets.UTF_8);
  }
}

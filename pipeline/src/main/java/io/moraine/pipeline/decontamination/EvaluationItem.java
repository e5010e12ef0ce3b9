package io.moraine.pipeline.decontamination;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.document.JsonObjects;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * One question, or whatever a line of an evaluation set holds.
 *
 * @param set name of its set
 * @param line where it stands in the set's file, 1 first
 * @param texts each on its own; never joined
 */
public record EvaluationItem(String set, long line, List<String> texts) {

  public EvaluationItem {
    texts = List.copyOf(texts);
  }

  /**
   * The items of a file of JSON lines.
   *
   * @param in the file's bytes as stored; closed by the caller
   * @param file names the compression, and the file in messages
   * @param fields whose texts count, also those inside them; empty: all
   * @throws CorpusException if the file holds no item, or a line is no JSON object or has no text;
   *     the message names file and line
   */
  public static List<EvaluationItem> read(
      InputStream in, String file, String set, List<String> fields) {
    List<EvaluationItem> items = new ArrayList<>();
    JsonObjects.read(
        in,
        file,
        (line, object) -> {
          List<String> texts = texts(object, fields);
          if (texts.isEmpty()) {
            throw new CorpusException(withoutText(file, line, object, fields));
          }
          items.add(new EvaluationItem(set, line, texts));
        });
    if (items.isEmpty()) {
      throw new CorpusException("%s holds no evaluation item.".formatted(file));
    }
    return items;
  }

  private static List<String> texts(ObjectNode object, List<String> fields) {
    List<String> texts = new ArrayList<>();
    if (fields.isEmpty()) {
      addTexts(object, texts);
    }
    for (String field : fields) {
      addTexts(object.path(field), texts);
    }
    return texts;
  }

  private static void addTexts(JsonNode node, List<String> texts) {
    if (node.isTextual()) {
      texts.add(node.textValue());
    }
    node.forEach(inside -> addTexts(inside, texts));
  }

  private static String withoutText(
      String file, long line, ObjectNode object, List<String> fields) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return "%s, line %d: no text in %s; its fields are %s. Set decontamination.fields."
        .formatted(
            file,
            line,
            fields.isEmpty() ? "any field" : String.join(", ", fields),
            String.join(", ", names));
  }
}

package io.moraine.jobs.figures;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/** In what settings differ. */
final class SettingsDifference {

  private static final JsonMapper JSON = new JsonMapper();

  private SettingsDifference() {}

  /**
   * A row for each setting whose values are not all the same.
   *
   * @param settings JSON objects
   * @return the setting's name, dots between its parts, and each one's value, null where it is not
   *     there: a text as it is, all else as JSON; in the order of names
   */
  static List<Row> rows(List<JsonNode> settings) {
    List<Map<String, String>> flat = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>();
    for (JsonNode one : settings) {
      Map<String, String> values = new LinkedHashMap<>();
      flatten("", one, values);
      flat.add(values);
      names.addAll(values.keySet());
    }
    List<Row> rows = new ArrayList<>();
    for (String name : names) {
      List<Object> row = new ArrayList<>();
      flat.forEach(values -> row.add(values.get(name)));
      if (row.stream().distinct().count() > 1) {
        row.add(0, name);
        rows.add(RowFactory.create(row.toArray()));
      }
    }
    return rows;
  }

  /** Settings as they render themselves. */
  static JsonNode tree(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError("unreachable: settings render themselves as JSON", e);
    }
  }

  private static void flatten(String name, JsonNode node, Map<String, String> values) {
    if (node.isObject() && !node.isEmpty()) {
      node.fields()
          .forEachRemaining(
              field ->
                  flatten(
                      name.isEmpty() ? field.getKey() : name + "." + field.getKey(),
                      field.getValue(),
                      values));
    } else {
      values.put(name, VisibleText.cell(node.isTextual() ? node.textValue() : node.toString()));
    }
  }
}

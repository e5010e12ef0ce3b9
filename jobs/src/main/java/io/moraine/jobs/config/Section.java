package io.moraine.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * One section of a settings file, read key by key; keys that nobody asked for are an error.
 *
 * <p>Usage: read every key, then {@link #requireNoOtherKeys()}; {@link #build(Supplier)} does both
 * around a record's constructor and says in which section a value broke the record's rule.
 */
final class Section {

  private final Config config;
  private final String path;
  private final TreeSet<String> known = new TreeSet<>();

  Section(Config config, String path) {
    this.config = config;
    this.path = path;
  }

  /** A section inside this one. */
  Section section(String key) {
    return new Section(read(key, () -> config.getConfig(key)), qualified(key));
  }

  /** The sections of a list. */
  List<Section> sections(String key) {
    List<Section> sections = new ArrayList<>();
    for (Config section : read(key, () -> config.getConfigList(key))) {
      sections.add(new Section(section, "%s[%d]".formatted(qualified(key), sections.size())));
    }
    return sections;
  }

  int integer(String key) {
    requireWhole(key);
    return read(key, () -> config.getInt(key));
  }

  long longInteger(String key) {
    requireWhole(key);
    return read(key, () -> config.getLong(key));
  }

  double number(String key) {
    return read(key, () -> config.getDouble(key));
  }

  boolean flag(String key) {
    return read(key, () -> config.getBoolean(key));
  }

  String text(String key) {
    return read(key, () -> config.getString(key));
  }

  List<Double> numbers(String key) {
    return read(key, () -> config.getDoubleList(key));
  }

  List<String> texts(String key) {
    return read(key, () -> config.getStringList(key));
  }

  /**
   * Numbers by names that the user chooses, such as {@code { web = 0.5, "example.org" = 2 }}.
   *
   * @throws ConfigException if a value is no number
   */
  Map<String, Double> numbersByName(String key) {
    Map<String, Double> numbers = new TreeMap<>();
    read(key, () -> config.getObject(key))
        .forEach(
            (name, value) -> {
              if (!(value.unwrapped() instanceof Number number)) {
                throw new ConfigException(
                    "%s.%s must be a number, got %s (%s). Quote a name that has dots in it."
                        .formatted(qualified(key), name, value.unwrapped(), place(value.origin())));
              }
              numbers.put(name, number.doubleValue());
            });
    return numbers;
  }

  /**
   * Names keys of this section that are read for another record, before or after, so that {@link
   * #build} does not take them for errors.
   */
  void readElsewhere(String... keys) {
    known.addAll(List.of(keys));
  }

  /** A size such as {@code 16 MiB}, in bytes. */
  long bytes(String key) {
    return read(key, () -> config.getBytes(key));
  }

  /** One of an enum's constants, written in lower case with dashes. */
  <E extends Enum<E>> E choice(String key, Class<E> type) {
    String text = text(key);
    for (E constant : type.getEnumConstants()) {
      if (written(constant).equals(text)) {
        return constant;
      }
    }
    throw new ConfigException(
        "%s must be one of %s, got %s (%s)."
            .formatted(
                qualified(key),
                Arrays.stream(type.getEnumConstants())
                    .map(Section::written)
                    .collect(Collectors.joining(", ")),
                text,
                place(config.getValue(key).origin())));
  }

  /**
   * Runs a record's constructor after all keys were read.
   *
   * @throws ConfigException if the section has other keys, or the record refuses a value
   */
  <T> T build(Supplier<T> constructor) {
    T result;
    try {
      result = constructor.get();
    } catch (ConfigException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new ConfigException(
          "%s: %s (%s)".formatted(path, e.getMessage(), place(blamed(e.getMessage()))), e);
    }
    requireNoOtherKeys();
    return result;
  }

  /**
   * Where a key stands that a record's complaint names, the user's before ours; else the section.
   */
  private ConfigOrigin blamed(String complaint) {
    List<String> words = List.of(complaint.split("[^a-z0-9-]+"));
    List<ConfigOrigin> named =
        known.stream()
            .filter(key -> words.contains(key) && config.hasPath(key))
            .map(key -> config.getValue(key).origin())
            .toList();
    return named.stream()
        .filter(origin -> !SettingsFile.isDefault(origin))
        .findFirst()
        .orElseGet(() -> named.isEmpty() ? config.root().origin() : named.get(0));
  }

  void requireNoOtherKeys() {
    for (Map.Entry<String, ConfigValue> entry : config.root().entrySet()) {
      if (!known.contains(entry.getKey())) {
        throw new ConfigException(
            "unknown setting %s (%s). Settings here: %s."
                .formatted(
                    qualified(entry.getKey()),
                    place(entry.getValue().origin()),
                    String.join(", ", known)));
      }
    }
  }

  /** The library would cut off a fraction. */
  private void requireWhole(String key) {
    double value = read(key, () -> config.getDouble(key));
    if (value != Math.rint(value)) {
      throw new ConfigException(
          "%s must be a whole number, got %s (%s)."
              .formatted(qualified(key), value, place(config.getValue(key).origin())));
    }
  }

  private <T> T read(String key, Supplier<T> reader) {
    known.add(key);
    try {
      return reader.get();
    } catch (com.typesafe.config.ConfigException.Missing e) {
      throw new ConfigException("setting %s is missing.".formatted(qualified(key)), e);
    } catch (com.typesafe.config.ConfigException e) {
      throw new ConfigException(
          "%s has a wrong value: %s".formatted(qualified(key), e.getMessage()), e);
    }
  }

  private String qualified(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  /** A constant as settings write it. */
  static String written(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String place(ConfigOrigin origin) {
    return origin.description();
  }
}

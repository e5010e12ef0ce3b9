package io.moraine.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValueFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/**
 * One complete set of settings: the documented defaults of {@code conf/}, a user's file over them,
 * command-line options over both.
 */
public final class SettingsFile {

  private final Config config;

  private SettingsFile(Config config) {
    this.config = config;
  }

  /**
   * Reads settings.
   *
   * @param defaults name of a file of {@code conf/}, which the jar carries, for example {@code
   *     prepare.conf}
   * @param file the user's file; what it does not set keeps its default
   * @param options values from the command line by key path; null where an option was not given
   * @throws ConfigException if the user's file cannot be read or is not HOCON
   */
  public static SettingsFile read(
      String defaults, Optional<Path> file, Map<String, Object> options) {
    Config config = bundled(defaults);
    if (file.isPresent()) {
      config = parse(file.get()).withFallback(config);
    }
    for (Map.Entry<String, Object> option : options.entrySet()) {
      if (option.getValue() != null) {
        config =
            config.withValue(
                option.getKey(),
                ConfigValueFactory.fromAnyRef(option.getValue(), "the command line"));
      }
    }
    try {
      return new SettingsFile(config.resolve());
    } catch (com.typesafe.config.ConfigException e) {
      throw new ConfigException("settings do not resolve: " + e.getMessage(), e);
    }
  }

  /**
   * Settings that a job recorded with {@link #rendered()}; what was no setting then has its
   * default.
   *
   * @param defaults as {@link #read} takes it
   * @param origin named in messages
   */
  public static SettingsFile recorded(String defaults, String json, String origin) {
    Config recorded =
        ConfigFactory.parseString(json, ConfigParseOptions.defaults().setOriginDescription(origin));
    return new SettingsFile(recorded.withFallback(bundled(defaults)).resolve());
  }

  /** The whole as JSON with sorted keys: what outputs record. */
  public String rendered() {
    return config.root().render(ConfigRenderOptions.concise().setFormatted(true));
  }

  /** SHA-256 of {@link #rendered()}, in hex: equal for equal settings wherever they came from. */
  public String digest() {
    try {
      byte[] text = rendered().getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("unreachable: every JDK has SHA-256", e);
    }
  }

  Section root() {
    return new Section(config, "");
  }

  /** Whether a value is one of the documented defaults. */
  static boolean isDefault(ConfigOrigin origin) {
    return origin.filename() == null && origin.description().startsWith("conf/");
  }

  private static Config bundled(String name) {
    String resource = "io/moraine/conf/" + name;
    return ConfigFactory.parseResources(
        SettingsFile.class.getClassLoader(),
        resource,
        ConfigParseOptions.defaults().setAllowMissing(false).setOriginDescription("conf/" + name));
  }

  private static Config parse(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          "settings file %s is not there. Copy one of conf/ and change it.".formatted(file));
    }
    try {
      return ConfigFactory.parseFile(
          file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false));
    } catch (com.typesafe.config.ConfigException e) {
      throw new ConfigException(
          "settings file %s is not HOCON: %s".formatted(file, e.getMessage()), e);
    }
  }
}

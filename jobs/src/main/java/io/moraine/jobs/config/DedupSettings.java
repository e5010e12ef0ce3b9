package io.moraine.jobs.config;

import io.moraine.pipeline.filter.CleanConfig;

/**
 * Settings of {@code dedup}; conf/dedup.conf documents every one.
 *
 * @param documents how files become the documents that are left; no rule cleans or rejects one
 * @param rendered the whole as JSON
 * @param digest of {@code rendered}
 */
public record DedupSettings(DocumentSettings documents, String rendered, String digest) {

  /**
   * Reads the settings.
   *
   * @throws ConfigException if a key is unknown or missing, or a value breaks its rule
   */
  public static DedupSettings of(SettingsFile file) {
    Section root = file.root();
    return root.build(
        () ->
            new DedupSettings(
                DocumentSettings.of(root, CleanConfig.unchanged()),
                file.rendered(),
                file.digest()));
  }
}

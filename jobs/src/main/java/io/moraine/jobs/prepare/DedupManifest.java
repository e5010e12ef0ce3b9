package io.moraine.jobs.prepare;

import com.fasterxml.jackson.annotation.JsonRawValue;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import java.util.List;
import java.util.SortedMap;

/**
 * {@code manifest.json} of deduplicated documents; the same for the same input and settings.
 *
 * @param formatVersion version of the folder's layout, {@link Manifest#FORMAT_VERSION}
 * @param configurationDigest SHA-256 of the resolved settings
 * @param funnel documents after each stage, in order
 * @param passedOver what reading passed over, how often for each reason: no documents
 * @param documents survivors; {@code read = documents + removed + quarantined}
 * @param configuration the resolved settings, JSON
 */
public record DedupManifest(
    int formatVersion,
    String configurationDigest,
    List<FunnelStage> funnel,
    SortedMap<String, Long> passedOver,
    long documents,
    @JsonRawValue String configuration) {

  /** The file's text. */
  String rendered() {
    return Manifest.rendered(this);
  }
}

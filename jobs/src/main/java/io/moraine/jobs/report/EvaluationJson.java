package io.moraine.jobs.report;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.jobs.train.EvaluateJob.Evaluation;
import io.moraine.jobs.train.EvaluateJob.Loss;
import io.moraine.model.train.ExpertLoad;
import java.util.Map;
import java.util.TreeSet;

/** An evaluation as JSON (docs/formats.md). */
public final class EvaluationJson {

  /** Of a source of which one token was seen and none predicted. */
  private static final Loss NOTHING = new Loss(0, Double.NaN, 0);

  private static final JsonMapper JSON = new JsonMapper();

  private EvaluationJson() {}

  /** The whole evaluation, with every expert's share. */
  public static String rendered(Evaluation evaluation) {
    ObjectNode root = JSON.createObjectNode();
    root.put("step", evaluation.step());
    root.put("unigram_entropy", evaluation.unigramEntropy());
    put(root.putObject("all"), evaluation.all());
    ObjectNode sources = root.putObject("sources");
    Map<String, Loss> losses = evaluation.bySource();
    Map<String, ExpertLoad> loads = evaluation.loadBySource();
    TreeSet<String> names = new TreeSet<>(losses.keySet());
    names.addAll(loads.keySet());
    for (String name : names) {
      ObjectNode source = sources.putObject(name);
      put(source, losses.getOrDefault(name, NOTHING));
      put(source, loads.getOrDefault(name, ExpertLoad.NONE));
    }
    return root.toPrettyString() + "\n";
  }

  private static void put(ObjectNode node, Loss loss) {
    node.put("tokens", loss.tokens());
    node.put("loss", loss.loss());
    node.put("perplexity", loss.perplexity());
    node.put("bits_per_byte", loss.bitsPerByte());
  }

  private static void put(ObjectNode node, ExpertLoad load) {
    ArrayNode violations = node.putArray("max_violation");
    ArrayNode shares = node.putArray("expert_share");
    for (int layer = 0; layer < load.layers(); layer++) {
      violations.add(load.maxViolation(layer));
      ArrayNode ofLayer = shares.addArray();
      for (int expert = 0; expert < load.experts(); expert++) {
        ofLayer.add(load.share(layer, expert));
      }
    }
  }
}

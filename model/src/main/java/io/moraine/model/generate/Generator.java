package io.moraine.model.generate;

import io.moraine.model.transformer.Decoder;
import io.moraine.model.transformer.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;

/**
 * Continues a prompt.
 *
 * <p>The model sees at most its maximum sequence length. Of a longer prompt it sees the last
 * tokens; when the text outgrows the window, the window begins anew with the last half of it, which
 * is read again in one pass.
 *
 * <p>With multi-token prediction as a draft, the modules propose tokens and one pass of the main
 * model checks them all: greedy text stays the same, drawn text has the same distribution.
 *
 * @source Leviathan et al., Fast inference from transformers via speculative decoding, 2022,
 *     arXiv:2211.17192; DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 5.4.3
 */
public final class Generator {

  private final Transformer model;
  private final Sampler sampler;
  private final int draftDepth;
  private final SplittableRandom random;

  /**
   * A generator of all ids of the model, without drafts.
   *
   * @param config how tokens are chosen
   */
  public Generator(Transformer model, SamplingConfig config) {
    this(model, config, allIds(model), 0);
  }

  /**
   * A generator.
   *
   * @param ids that are generated: those that the tokenizer has, where the model's vocabulary is
   *     padded; at least one
   * @param draftDepth modules of multi-token prediction that draft; 0 for none
   */
  public Generator(Transformer model, SamplingConfig config, BitSet ids, int draftDepth) {
    this.model = model;
    this.sampler = new Sampler(config, ids);
    this.draftDepth = draftDepth;
    this.random = new SplittableRandom(config.seed());
  }

  /**
   * Generates tokens.
   *
   * @param prompt at least one token id
   * @param maxTokens most tokens to generate
   * @param sink gets each token; false ends the text
   * @cost a pass over the prompt, then one over 1 + draftDepth tokens for 1 to 1 + draftDepth new
   *     ones
   */
  public Generation generate(int[] prompt, int maxTokens, IntPredicate sink) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("a prompt needs at least one token");
    }
    try (Decoder decoder = model.decoder(draftDepth)) {
      Text text = new Text(decoder, prompt, maxTokens);
      boolean goesOn = true;
      while (goesOn && text.length < text.tokens.length) {
        goesOn = text.extend(sink);
      }
      return new Generation(text.length - prompt.length, text.passes, text.drafted, text.accepted);
    }
  }

  private static BitSet allIds(Transformer model) {
    BitSet ids = new BitSet();
    ids.set(0, model.config().vocabularySize());
    return ids;
  }

  /** A text on its way; the decoder has read what is visible of it, but for the newest tokens. */
  private final class Text {
    private final Decoder decoder;
    private final int vocabulary = model.config().vocabularySize();
    private final int window = model.config().maxSequenceLength();
    private final int[] tokens;
    private int length;
    private int visibleFrom;
    private int passes;
    private int drafted;
    private int accepted;

    Text(Decoder decoder, int[] prompt, int maxTokens) {
      this.decoder = decoder;
      this.tokens = Arrays.copyOf(prompt, prompt.length + maxTokens);
      this.length = prompt.length;
      this.visibleFrom = Math.max(0, length - window);
    }

    /** One pass of the main model, and the tokens that it gives; false if the text has ended. */
    boolean extend(IntPredicate sink) {
      if (length - visibleFrom > window) {
        visibleFrom = length - Math.max(1, window / 2);
        decoder.truncate(0);
      }
      List<double[]> drafts = draft();
      int[] unread =
          Arrays.copyOfRange(tokens, visibleFrom + decoder.length(), length + drafts.size());
      float[] logits = decoder.read(unread, drafts.size() + 1);
      passes++;
      drafted += drafts.size();
      for (int row = 0; row < drafts.size(); row++) {
        int token = tokens[length];
        double[] wanted = sampler.probabilities(logits, row, vocabulary, tokens, length);
        tokens[length] = Sampler.correct(token, drafts.get(row), wanted, random);
        boolean kept = tokens[length++] == token;
        accepted += kept ? 1 : 0;
        if (!sink.test(tokens[length - 1])) {
          return false;
        }
        if (!kept) {
          decoder.truncate(length - 1 - visibleFrom);
          return true;
        }
      }
      double[] wanted = sampler.probabilities(logits, drafts.size(), vocabulary, tokens, length);
      tokens[length++] = Sampler.draw(wanted, random);
      return sink.test(tokens[length - 1]);
    }

    /**
     * Writes proposed tokens behind the text; none right behind a prompt, of which the modules have
     * heard nothing yet.
     *
     * @return the distribution that each was drawn from
     */
    private List<double[]> draft() {
      List<double[]> drafts = new ArrayList<>();
      int room = Math.min(window - (length - visibleFrom), tokens.length - length - 1);
      int depth = decoder.length() == 0 ? 0 : Math.min(decoder.draftDepth(), room);
      for (int k = 1; k <= depth; k++) {
        int[] known = Arrays.copyOfRange(tokens, visibleFrom, length + k - 1);
        float[] logits = decoder.draft(k, known);
        double[] proposed = sampler.probabilities(logits, 0, vocabulary, tokens, length + k - 1);
        tokens[length + k - 1] = Sampler.draw(proposed, random);
        drafts.add(proposed);
      }
      return drafts;
    }
  }
}

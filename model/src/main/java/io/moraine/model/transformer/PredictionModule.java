package io.moraine.model.transformer;

import io.moraine.model.layer.RmsNorm;
import io.moraine.model.precision.Linear;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The k-th module of multi-token prediction: from what stands before it at token i, and token i +
 * k, it predicts token i + k + 1, with the embedding and the head of the main model.
 *
 * <p>Differs from the paper's equations, as the published weights and those who serve them do: the
 * embedding comes first in the concatenation, hidden states are taken behind the final norm, and a
 * module has a norm of its own before the head.
 *
 * @param embeddingNorm of the embedding ({@code enorm.weight})
 * @param hiddenNorm of the hidden state ({@code hnorm.weight})
 * @param projection both to one; shape (D, 2 D) ({@code eh_proj.weight})
 * @param layer a whole layer, as the main model's last one
 * @param norm before the head ({@code shared_head.norm.weight})
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, Eq. 21-23
 */
record PredictionModule(
    RmsNorm embeddingNorm, RmsNorm hiddenNorm, Linear projection, Layer layer, RmsNorm norm) {

  /**
   * What the module's layer works on.
   *
   * @param embedded of tokens i + k
   * @param hidden of tokens i, behind the norm of the main model or of the module before
   * @shape both (T, D); result (T, D)
   */
  Tensor join(Tensor embedded, Tensor hidden) {
    return projection.forward(
        torch.cat(
            new TensorVector(embeddingNorm.forward(embedded), hiddenNorm.forward(hidden)), 1));
  }
}

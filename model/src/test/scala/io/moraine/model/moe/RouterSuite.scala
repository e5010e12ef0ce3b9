package io.moraine.model.moe

import io.moraine.model.moe.RouterConfig.Score
import io.moraine.model.tensor.Torch
import java.util.SplittableRandom
import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.global.torch
import org.bytedeco.pytorch.{Tensor, TensorOptions}
import org.scalatest.funsuite.AnyFunSuite

/** What holds for every router, on random ones, and its choice by brute force. */
class RouterSuite extends AnyFunSuite {

  private val dim = 5
  private val tokens = 40

  private case class Drawn(config: RouterConfig, weight: Array[Float], bias: Array[Float])

  private def drawn(random: SplittableRandom): Drawn = {
    val groups = Seq(1, 2, 4)(random.nextInt(3))
    val experts = groups * (2 + random.nextInt(4))
    val limited = 1 + random.nextInt(groups)
    val active = 1 + random.nextInt(limited * experts / groups)
    val score = Score.values()(random.nextInt(2))
    val hasBias = random.nextBoolean()
    val scale = 0.5 + 2 * random.nextDouble()
    Drawn(
      new RouterConfig(experts, active, groups, limited, score, scale, hasBias, 0),
      Array.fill(experts * dim)(random.nextGaussian().toFloat),
      Array.fill(experts)(0.3f * random.nextGaussian().toFloat)
    )
  }

  private def tensor(values: Array[Float], columns: Int): Tensor = torch
    .tensor(values, new TensorOptions(torch.ScalarType.Float))
    .view(values.length.toLong / columns, columns.toLong)

  private def floats(values: Tensor): Seq[Seq[Float]] = {
    val flat = new Array[Float](values.numel.toInt)
    values.contiguous().data_ptr_float().get(flat)
    flat.toSeq.grouped(values.size(1).toInt).toSeq
  }

  private def longs(values: Tensor): Seq[Seq[Int]] = {
    val flat = new Array[Long](values.numel.toInt)
    values.contiguous().data_ptr_long().get(flat)
    flat.toSeq.map(_.toInt).grouped(values.size(1).toInt).toSeq
  }

  /** The published rule: groups by their two best experts, or by the best one without a bias. */
  private def chosen(config: RouterConfig, scores: Seq[Float], bias: Seq[Float]): Set[Int] = {
    val ranked =
      if (config.hasSelectionBias) scores.zip(bias).map { case (s, b) => s + b }
      else scores
    val size = config.routedExperts / config.groups
    val best = if (config.hasSelectionBias) 2 else 1
    val groups = (0 until config.groups)
      .sortBy(g => -ranked.slice(g * size, (g + 1) * size).sorted.takeRight(best).sum)
      .take(config.limitedGroups)
    groups
      .flatMap(g => g * size until (g + 1) * size)
      .sortBy(expert => -ranked(expert))
      .take(config.activeExperts)
      .toSet
  }

  test("three hundred random routers: k experts, of few groups, weighted by their scores alone") {
    Torch.start(1)
    val random = new SplittableRandom(3)
    for (round <- 1 to 300) {
      val scope = new PointerScope
      try {
        val Drawn(config, weight, bias) = drawn(random)
        val x = tensor(Array.fill(tokens * dim)(random.nextGaussian().toFloat), dim)
        val biases = torch.tensor(bias, new TensorOptions(torch.ScalarType.Float))
        val choice = new Router(config, tensor(weight, dim), biases).choose(x)
        val scores = floats(choice.scores)
        val size = config.routedExperts / config.groups
        for (
          ((experts, weights), score) <-
            longs(choice.experts).zip(floats(choice.weights)).zip(scores)
        ) {
          val clue = s"round $round, $config, experts $experts"
          assert(experts.toSet.size == config.activeExperts, clue)
          assert(experts.forall(e => e >= 0 && e < config.routedExperts), clue)
          assert(experts.map(_ / size).toSet.size <= config.limitedGroups, clue)
          assert(experts.toSet == chosen(config, score, bias.toSeq), clue)
          val sum = experts.map(e => score(e).toDouble).sum
          for ((expert, w) <- experts.zip(weights)) {
            val share = if (config.score == Score.SIGMOID) score(expert) / sum else score(expert)
            assert(math.abs(w - share * config.routeScale) < 1e-5, clue)
          }
          if (config.score == Score.SIGMOID)
            assert(math.abs(weights.map(_.toDouble).sum - config.routeScale) < 1e-5, clue)
        }
        // The bias decides who is chosen and is in no score.
        val none = new RouterConfig(
          config.routedExperts,
          config.activeExperts,
          config.groups,
          config.limitedGroups,
          config.score,
          config.routeScale,
          false,
          0
        )
        assert(floats(new Router(none, tensor(weight, dim), biases).choose(x).scores) == scores)
      } finally scope.close()
    }
  }
}

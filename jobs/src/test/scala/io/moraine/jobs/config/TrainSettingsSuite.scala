package io.moraine.jobs.config

import io.moraine.model.train.TrainConfig
import java.util.Optional
import org.scalatest.funsuite.AnyFunSuite

import scala.jdk.CollectionConverters._

class TrainSettingsSuite extends AnyFunSuite {

  private def settings(options: (String, Any)*): TrainSettings = TrainSettings.of(
    SettingsFile.read(
      TrainSettings.DEFAULTS,
      Optional.empty,
      options.map { case (key, value) => key -> value.asInstanceOf[AnyRef] }.toMap.asJava
    )
  )

  test("how often there is what: each number has its own setting") {
    val every = settings(
      "train.checkpoint-every" -> 11,
      "train.keep-checkpoints" -> 12,
      "train.keep-best" -> 13,
      "train.digest-every" -> 14,
      "train.evaluate-every" -> 15,
      "train.evaluate-sequences" -> 16
    ).train.every
    assert(every == new TrainConfig.Every(11, 12, 13, 14, 15, 16))
  }
}

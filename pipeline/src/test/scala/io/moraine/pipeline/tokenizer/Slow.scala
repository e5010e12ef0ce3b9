package io.moraine.pipeline.tokenizer

import org.scalatest.Tag

/** Left out of the default build; `mvn -P full-tests` runs these too. */
object Slow extends Tag("Slow")

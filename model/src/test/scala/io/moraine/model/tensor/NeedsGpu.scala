package io.moraine.model.tensor

import org.scalatest.Tag

/** Runs on a machine with an NVIDIA GPU alone; `.ci/gpu-check` runs all of them. */
object NeedsGpu extends Tag("NeedsGpu")

package io.moraine.jobs

import org.scalatest.Tag

/** Runs on a machine with an NVIDIA GPU, RAPIDS and libtorch's CUDA build; `.ci/gpu-check`. */
object NeedsGpu extends Tag("NeedsGpu")

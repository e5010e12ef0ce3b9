package io.moraine.model.reduction

import io.moraine.model.collective.ShardLayout
import io.moraine.model.collective.codec.GradientCodec
import io.moraine.model.tensor.{Device, DeviceChoice, Floats, HostStaging, NeedsGpu, Torch}
import java.nio.{ByteBuffer, ByteOrder}
import java.util.SplittableRandom
import org.bytedeco.javacpp.PointerScope
import org.scalatest.funsuite.AnyFunSuite

/** Top-k as operations of libtorch, against the codec: the same bytes of every range of the wire.
  */
class TensorTopKReferenceSuite extends AnyFunSuite {

  private val chunk = 65536
  private val random = new SplittableRandom(23)

  private def drawn(length: Int)(draw: => Double): Array[Float] = Array.fill(length)(draw.toFloat)

  private def contents(length: Int): Seq[(String, Array[Float])] = Seq(
    "normal" -> drawn(length)(random.nextGaussian()),
    "heavy tails" -> drawn(length)(math.exp(4 * random.nextGaussian())),
    "many equal" -> drawn(length)((2 * random.nextGaussian()).round / 2.0),
    "all equal" -> drawn(length)(if (random.nextBoolean()) 0.5 else -0.5),
    "few that are not zero" ->
      drawn(length)(if (random.nextInt(500) == 0) random.nextGaussian() else -0.0),
    "zeros" -> drawn(length)(0),
    "what is not finite" -> drawn(length)(random.nextInt(50) match {
      case 0 => Double.NaN
      case 1 => Double.NegativeInfinity
      case _ => random.nextGaussian()
    }),
    "any bits" -> Array.fill(length)(java.lang.Float.intBitsToFloat(random.nextInt())),
    // A sample sees little of what is large, so that few reach the bound, or nearly all do.
    "sorted" -> drawn(length)(random.nextGaussian()).sortBy(math.abs),
    "large at the end" -> Array.tabulate(length)(i =>
      if (i * 20L > length * 19L) i.toFloat else 1e-3f
    )
  )

  private def sameBits(a: Array[Float], b: Array[Float]): Boolean = a.length == b.length &&
    a.zip(b).forall { case (x, y) =>
      java.lang.Float.floatToRawIntBits(x) == java.lang.Float.floatToRawIntBits(y) ||
      x.isNaN && y.isNaN
    }

  private def requireSame(device: Device): Unit =
    for (
      share <- Seq(0.001, 0.01, 0.3, 1.0);
      bucket <- Seq(
        new ShardLayout(1024, 3 * 256, 2, 256),
        new ShardLayout(0, 2 * chunk + 512, 1, 256),
        new ShardLayout(256, 3 * chunk + 1280, 2, 256),
        new ShardLayout(0, 256, 3, 256)
      );
      (what, values) <- contents(bucket.length.toInt)
    ) {
      val codec = GradientCodec.topK(share)
      val form = new TensorTopK(share)
      val scope = new PointerScope()
      val staging = new HostStaging(device)
      val memory = staging.pinned(10 + form.bytes(bucket))
      try {
        val encoded = form.encode(device.tensor(values, values.length.toLong), bucket)
        assert(encoded.numel == form.bytes(bucket))
        memory.await(memory.fromDevice(encoded, 10))
        val decoded = Floats.of(form.decode(encoded, bucket))
        for (
          rank <- 0 until bucket.worldSize;
          from <- bucket.from(rank) until bucket.to(rank) by chunk.toLong
        ) {
          val length = math.min(chunk.toLong, bucket.to(rank) - from).toInt
          val offset = (from - bucket.start).toInt
          val clue = s"$what, share $share, $bucket, from $from"
          val expected = new Array[Byte](codec.encodedBytes(length))
          val written = codec.encode(values, offset, expected, 0, length)
          val bytes = ByteBuffer.allocate(expected.length).order(ByteOrder.LITTLE_ENDIAN)
          form.put(memory, 10, bucket, from, length, bytes)
          assert(bytes.array.take(bytes.position).sameElements(expected.take(written)), clue)
          val back = new Array[Float](length)
          codec.decode(expected, 0, written, back, 0, length)
          assert(sameBits(decoded.slice(offset, offset + length), back), clue)
        }
      } finally {
        memory.close()
        staging.close()
        scope.close()
      }
    }

  test("the bytes of the codec, whatever the values, the share and how ranges are cut") {
    Torch.start(1)
    requireSame(Device.COPIED)
  }

  test("on a GPU the bytes of the codec", NeedsGpu) {
    requireSame(Torch.start(1, DeviceChoice.CUDA, 0))
  }
}

package io.moraine.pipeline.hash

import java.nio.charset.StandardCharsets
import org.scalatest.funsuite.AnyFunSuite

/** Stored values must not change: the reference implementation's, and golden ones of ours. */
class Murmur3StabilitySuite extends AnyFunSuite {

  private def hash(text: String, seed: Long = 0): Hash128 = {
    val bytes = text.getBytes(StandardCharsets.UTF_8)
    Murmur3.hash128(bytes, 0, bytes.length, seed)
  }

  test("the published verification value of MurmurHash3_x64_128, 6384BA69") {
    // SMHasher's VerificationTest: hashes of {}, {0}, {0, 1}, ... with seed 256 - n, hashed again.
    val hashes = (0 until 256).flatMap { n =>
      val key = Array.tabulate(n)(_.toByte)
      littleEndian(Murmur3.hash128(key, 0, n, 256L - n))
    }.toArray
    val last = littleEndian(Murmur3.hash128(hashes, 0, hashes.length, 0))
    val verification = last.take(4).reverse.map(b => f"$b%02X").mkString
    assert(verification == "6384BA69")
  }

  test("the empty text is 0, as published") {
    assert(hash("") == new Hash128(0, 0))
  }

  test("an offset into the array does not matter") {
    val bytes = "xxhello, worldyy".getBytes(StandardCharsets.UTF_8)
    assert(Murmur3.hash128(bytes, 2, 12, 0) == hash("hello, world"))
  }

  test("a digest is written as 32 hex digits, low word first") {
    assert(new Hash128(1, 0xabcdefL).hex == "00000000000000010000000000abcdef")
  }

  private def littleEndian(hash: Hash128): Array[Byte] = {
    val buffer = java.nio.ByteBuffer.allocate(16).order(java.nio.ByteOrder.LITTLE_ENDIAN)
    buffer.putLong(hash.low).putLong(hash.high).array
  }
}

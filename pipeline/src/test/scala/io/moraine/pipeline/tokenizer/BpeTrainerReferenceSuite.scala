package io.moraine.pipeline.tokenizer

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.{List => JList}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.Using

/** Merges against a naive trainer that counts all pairs anew before each. */
class BpeTrainerReferenceSuite extends AnyFunSuite {

  private def config(size: Int, minFrequency: Long) =
    new TokenizerConfig(size, minFrequency, Long.MaxValue, JList.of(Tokenizer.END_OF_TEXT))

  private def counted(pieces: Iterable[(String, Long)]): PieceCounts = {
    val counts = new PieceCounts
    for ((piece, count) <- pieces) {
      val bytes = piece.getBytes(UTF_8)
      counts.add(bytes, 0, bytes.length, count)
    }
    counts
  }

  /** (left, right, result) of each merge; the alphabet's ids are taken from the model. */
  private def naive(pieces: PieceCounts, model: BpeModel, size: Int): Seq[(Int, Int, Int)] = {
    val idOfToken = mutable.Map.empty[Seq[Byte], Int]
    for (id <- 1 to 256) idOfToken(model.tokens.get(id).toSeq) = id
    val tokenOf = mutable.ArrayBuffer.from(model.tokens.asScala.take(257).map(_.toSeq))
    val words = mutable.ArrayBuffer.empty[Array[Int]]
    val counts = mutable.ArrayBuffer.empty[Long]
    pieces.forEach { (text, from, to, count) =>
      words += text.slice(from, to).map(b => idOfToken(Seq(b)))
      counts += count
    }
    val merges = Seq.newBuilder[(Int, Int, Int)]
    while (tokenOf.size < size) {
      val pairs = mutable.LongMap.empty[Long]
      for (w <- words.indices) {
        val word = words(w)
        var i = 0
        while (i + 1 < word.length) {
          val pair = word(i).toLong << 32 | word(i + 1)
          pairs(pair) = pairs.getOrElse(pair, 0L) + counts(w)
          i += 1
        }
      }
      val (pair, _) = pairs.minBy { case (pair, count) => (-count, pair) }
      val (left, right) = ((pair >>> 32).toInt, pair.toInt)
      val token = tokenOf(left) ++ tokenOf(right)
      val result = idOfToken.getOrElseUpdate(token, { tokenOf += token; tokenOf.size - 1 })
      merges += ((left, right, result))
      for (w <- words.indices if words(w).contains(left))
        words(w) = joined(words(w), left, right, result)
    }
    merges.result()
  }

  private def joined(word: Array[Int], left: Int, right: Int, result: Int): Array[Int] = {
    val out = mutable.ArrayBuilder.make[Int]
    var i = 0
    while (i < word.length) {
      if (word(i) == left && i + 1 < word.length && word(i + 1) == right) {
        out += result
        i += 2
      } else {
        out += word(i)
        i += 1
      }
    }
    out.result()
  }

  private def merges(model: BpeModel): Seq[(Int, Int, Int)] =
    model.merges.asScala.toSeq.map(m => (m.left, m.right, m.result))

  /** Text files below a folder, the largest part of it that system property moraine.text names. */
  private def text(): PieceCounts = {
    val folder = Path.of(
      System.getProperty("moraine.text", System.getProperty("moraine.root", "..") + "/pipeline/src")
    )
    val counts = new PieceCounts
    val preTokenizer = new PreTokenizer(JList.of(PreTokenizer.CL100K))
    Using.resource(Files.walk(folder)) { files =>
      files
        .filter(f => f.toString.matches(".*\\.(java|scala|md|txt)"))
        .iterator()
        .asScala
        .foreach(f => preTokenizer.split(Files.readString(f), counts: PieceSink))
    }
    counts
  }

  test("the merges on real source code are those of the naive trainer") {
    val counts = text()
    val size = Integer.getInteger("moraine.vocabulary", 1500)
    val model = BpeTrainer.train(counts, config(size, 1), _ => ())
    info(s"${counts.size} pieces of ${counts.pieceBytes} bytes, ${model.merges.size} merges")
    assert(model.size == size && counts.size > 2000)
    assert(merges(model) == naive(counts, model, size))
  }

  test("runs of one letter and overlapping pairs are counted as they stand") {
    val pieces = Seq("aaaa" -> 3L, "aaa" -> 5L, "aabaa" -> 7L, "abab" -> 2L, "bbbbbbb" -> 4L)
    val model = BpeTrainer.train(counted(pieces), config(270, 1), _ => ())
    assert(merges(model) == naive(counted(pieces), model, model.size))
  }

  test("a merge whose text exists already reuses its id, in any order of the pieces") {
    val pieces = Seq("abc" -> 100L, "xabc" -> 1L, "bcd" -> 80L, "abcd" -> 90L, "ab" -> 150L)
    val model = BpeTrainer.train(counted(pieces), config(264, 1), _ => ())
    assert(merges(model) == naive(counted(pieces), model, model.size))
    for (order <- pieces.permutations)
      assert(merges(BpeTrainer.train(counted(order), config(264, 1), _ => ())) == merges(model))
  }

  test("counts above 2^31 do not overflow") {
    val pieces = Seq("ab" -> (3L << 40), "cd" -> (5L << 40), "abcd" -> 1L)
    val model = BpeTrainer.train(counted(pieces), config(260, 1), _ => ())
    assert(merges(model) == naive(counted(pieces), model, model.size))
  }

  test("the published example: roses are red, violets are blue ... learns re, are, is") {
    val pieces = Seq(
      "roses" -> 1L,
      "are" -> 2L,
      "red" -> 1L,
      "voilets" -> 1L,
      "blue" -> 1L,
      "BERT" -> 1L,
      "is" -> 2L,
      "big" -> 1L,
      "and" -> 1L,
      "so" -> 1L,
      "GPT-2" -> 1L
    )
    val model = BpeTrainer.train(counted(pieces), config(1000, 2), _ => ())
    val learned = model.merges.asScala.map(m => new String(model.tokens.get(m.result), UTF_8))
    assert(learned == Seq("re", "are", "is"))
  }

  test("special tokens are the first ids and take part in no merge") {
    val names = JList.of("<|fim|>", Tokenizer.END_OF_TEXT)
    val model = BpeTrainer.train(
      counted(Seq("<|fim|>" -> 10L, "xy" -> 5L)),
      new TokenizerConfig(300, 1, 10, names),
      _ => ()
    )
    assert(
      model.addedTokens.asScala.map(t => t.id -> t.content) == Seq(
        0 -> "<|fim|>",
        1 -> Tokenizer.END_OF_TEXT
      )
    )
    assert(model.merges.asScala.forall(m => m.left > 1 && m.right > 1 && m.result > 1))
  }

  test("no merge makes the name of a special token, what is nearly one is learned on the way") {
    val names = JList.of("<|fim|>", Tokenizer.END_OF_TEXT, "ab", "\u00e9\u00e9")
    val sentence = Seq(0xe9, 0xe9, 0x21).map(_.toByte).toArray
    val counts = counted(Seq("<|fim|>" -> 10L, "xy" -> 5L, "abc" -> 20L, "xabc" -> 3L))
    counts.add(sentence, 0, sentence.length, 7)
    val model = BpeTrainer.train(counts, new TokenizerConfig(300, 1, 10, names), _ => ())
    val learned = model.tokens.asScala.drop(names.size).map(ByteLevel.write).toSeq
    assert(learned.intersect(names.asScala.toSeq).isEmpty)
    assert(learned.contains("abc") && learned.contains("xabc") && learned.contains("xy"))
    val tokenizer = new Tokenizer(model, new PreTokenizer(JList.of(PreTokenizer.CL100K)))
    val json = TokenizerJson.write(tokenizer)
    assert(TokenizerJson.write(TokenizerJson.read(json)) == json)
    assert(tokenizer.encode("<|fim|>").forall(_ >= names.size))
  }

  test("a special token that is empty or has the name of a byte is refused before training") {
    for (name <- Seq("a", "\u0120", "\u00e9", ""))
      assert(
        intercept[IllegalArgumentException](
          new TokenizerConfig(300, 1, 10, JList.of(Tokenizer.END_OF_TEXT, name))
        ).getMessage == "special-tokens must not be empty and not the character that stands for " +
          s"a byte in a vocabulary, got \"$name\""
      )
    assert(new TokenizerConfig(300, 1, 10, JList.of(Tokenizer.END_OF_TEXT, "\u4e2d")) != null)
  }
}
